package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.ReferenceBackend;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TextGeneratorTest {
  private final ReferenceBackend backend = new ReferenceBackend();
  private final Gpt model = TestModels.gpt(false);
  private final TextGenerator generator = new TextGenerator(backend, model);
  private ParameterStore store;

  @BeforeEach
  void place() {
    store = new ParameterStore(backend, model.parameters());
    TestModels.randomise(backend, store);
  }

  @AfterEach
  void leavesNothingBehind() {
    store.close();
    backend.close();
  }

  @Test
  void aSeedRepeatsItsTextAndAnotherDoesNot() {
    int[] prompt = {1, 2};
    int[] text = generator.generate(prompt, 30, 1, 0, 4);
    assertEquals(32, text.length);
    assertArrayEquals(prompt, Arrays.copyOf(text, 2));
    assertArrayEquals(text, generator.generate(prompt, 30, 1, 0, 4));
    assertFalse(Arrays.equals(text, generator.generate(prompt, 30, 1, 0, 5)));
  }

  @Test
  void textGoesOnWhereAPrefixOfItEnds() {
    int[] text = generator.generate(new int[] {3}, 20, 0.8, 3, 4);
    assertArrayEquals(text, generator.generate(Arrays.copyOf(text, 9), 12, 0.8, 3, 4));
  }

  @Test
  void withoutTemperatureTheSeedDoesNotMatter() {
    int[] text = generator.generate(new int[] {3}, 20, 0, 0, 4);
    assertArrayEquals(text, generator.generate(new int[] {3}, 20, 0, 0, 5));
    assertArrayEquals(
        text, generator.generate(new int[] {3}, 20, 1, 1, 6), "one candidate is no choice");
  }

  @Test
  void badArgumentsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> generator.generate(new int[0], 1, 1, 0, 0));
    assertThrows(
        IllegalArgumentException.class, () -> generator.generate(new int[] {9}, 1, 1, 0, 0));
    assertThrows(
        IllegalArgumentException.class, () -> generator.generate(new int[] {1}, -1, 1, 0, 0));
    assertThrows(
        IllegalArgumentException.class,
        () -> generator.generate(new int[] {1}, 1, Double.NaN, 0, 0));
    assertThrows(
        IllegalArgumentException.class, () -> generator.generate(new int[] {1}, 1, 1, -1, 0));
  }

  @Test
  void drawsFollowTheSoftmax() {
    double[] logits = {Math.log(1), Math.log(4), Math.log(3), Math.log(2)};
    Philox random = Philox.of(8, Philox.Purpose.TEST);
    int draws = 20_000;
    int[] all = new int[4];
    int[] two = new int[4];
    for (int i = 0; i < draws; i++) {
      all[Sampling.draw(logits, 1, 0, random.uniform(i))]++;
      two[Sampling.draw(logits, 1, 2, random.uniform(i))]++;
    }
    double[] expected = {0.1, 0.4, 0.3, 0.2};
    for (int id = 0; id < 4; id++) {
      // Five deviations of a binomial share.
      assertEquals(expected[id], (double) all[id] / draws, 5 * 0.5 / Math.sqrt(draws));
    }
    assertEquals(4.0 / 7, (double) two[1] / draws, 5 * 0.5 / Math.sqrt(draws));
    assertEquals(draws, two[1] + two[2]);
  }

  @Test
  void amongEqualLogitsTheLowestIdComesFirst() {
    assertEquals(1, Sampling.draw(new double[] {0, 2, 2, 1}, 0, 0, 0.9));
    assertTrue(Sampling.draw(new double[] {0, 2, 2, 1}, 1, 2, 0.49) == 1);
    assertTrue(Sampling.draw(new double[] {0, 2, 2, 1}, 1, 2, 0.51) == 2);
  }
}
