package dev.bellows.trainer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DigitsDatasetTest {
  private static final long SEED = 1337;
  private static final int PIXELS = 784;

  @Test
  void aSampleIsAFunctionOfSeedSplitAndIndex() {
    DigitsDataset train = new DigitsDataset(SEED, "train", 1000);
    float[] one = Reads.of(train, 0, 5).features();
    assertArrayEquals(one, Reads.of(new DigitsDataset(SEED, "train", 10), 3, 5).features());
    assertFalse(Arrays.equals(one, Reads.of(train, 0, 6).features()));
    assertFalse(
        Arrays.equals(one, Reads.of(new DigitsDataset(SEED + 1, "train", 1000), 0, 5).features()));
    assertFalse(
        Arrays.equals(one, Reads.of(new DigitsDataset(SEED, "validation", 1000), 0, 5).features()));
  }

  /// A stored run goes on with the digits that it began with, on any machine, so some bits are pinned.
  @Test
  void theDigitsNeverChange() {
    DigitsDataset train = new DigitsDataset(SEED, "train", 1000);
    int hash = 0;
    for (int i = 0; i < 50; i++) {
      Reads sample = Reads.of(train, 0, i);
      hash = 31 * hash + 7 * Arrays.hashCode(sample.features()) + sample.targets()[0];
    }
    assertEquals(-56226595, hash);
  }

  @Test
  void readingFromManyThreadsGivesTheSame() {
    DigitsDataset train = new DigitsDataset(SEED, "train", 400);
    List<Integer> serial =
        IntStream.range(0, 400)
            .mapToObj(i -> Arrays.hashCode(Reads.of(train, 0, i).features()))
            .toList();
    List<Integer> parallel =
        IntStream.range(0, 400)
            .parallel()
            .mapToObj(i -> Arrays.hashCode(Reads.of(train, 0, i).features()))
            .toList();
    assertEquals(serial, parallel);
  }

  @Test
  void splitsShareNoImage() {
    Set<Integer> seen = new HashSet<>();
    for (String split : List.of("train", "validation")) {
      DigitsDataset digits = new DigitsDataset(SEED, split, 500);
      for (int i = 0; i < 500; i++) {
        seen.add(Arrays.hashCode(Reads.of(digits, 0, i).features()));
      }
    }
    assertEquals(1000, seen.size());
  }

  @Test
  void classesAreBalancedAndPixelsAreInRange() {
    DigitsDataset train = new DigitsDataset(SEED, "train", 4000);
    int[] counts = new int[10];
    float least = (float) (-0.1307 / 0.3081);
    float most = (float) ((1 - 0.1307) / 0.3081);
    for (int i = 0; i < 4000; i++) {
      Reads sample = Reads.of(train, 0, i);
      counts[sample.targets()[0]]++;
      double ink = 0;
      for (float pixel : sample.features()) {
        assertTrue(pixel >= least && pixel <= most, "pixel " + pixel);
        ink += pixel > 1 ? 1 : 0;
      }
      int index = i;
      double drawn = ink;
      assertTrue(
          drawn >= 10 && drawn < 400,
          () -> "sample " + index + " has no shape:\n" + picture(sample));
    }
    // Binomial(4000, 0.1): mean 400, deviation 19.
    for (int count : counts) {
      assertTrue(Math.abs(count - 400) < 95, () -> Arrays.toString(counts));
    }
  }

  private static String picture(Reads sample) {
    StringBuilder picture = new StringBuilder("digit " + sample.targets()[0]);
    for (int i = 0; i < PIXELS; i++) {
      picture
          .append(i % 28 == 0 ? "\n" : "")
          .append(" .:-=+*#%@".charAt((int) (9.99 * (sample.features()[i] * 0.3081 + 0.1307))));
    }
    return picture.toString();
  }

  /// Learnable by a small perceptron, and not by a linear classifier: a data set on which everything works shows nothing.
  @Test
  void anMlpLearnsWhatALinearClassifierDoesNot() {
    float[][] images = new float[10_000][];
    int[] labels = new int[images.length];
    load(new DigitsDataset(SEED, "train", images.length), images, labels);
    float[][] testImages = new float[1000][];
    int[] testLabels = new int[testImages.length];
    load(new DigitsDataset(SEED, "validation", testImages.length), testImages, testLabels);
    double linear =
        new TinyMlp(PIXELS, 0, 10, SEED)
            .train(images, labels, 2, 0.003f)
            .accuracy(testImages, testLabels);
    double mlp =
        new TinyMlp(PIXELS, 48, 10, SEED)
            .train(images, labels, 8, 0.02f)
            .accuracy(testImages, testLabels);
    System.getLogger("digits")
        .log(System.Logger.Level.INFO, "accuracy: linear " + linear + ", MLP " + mlp);
    assertTrue(mlp > 0.95, () -> "an MLP reaches only " + mlp);
    assertTrue(linear < 0.95, () -> "a linear classifier reaches " + linear);
  }

  private static void load(Dataset dataset, float[][] images, int[] labels) {
    for (int i = 0; i < images.length; i++) {
      Reads sample = Reads.of(dataset, 0, i);
      images[i] = sample.features();
      labels[i] = sample.targets()[0];
    }
  }
}
