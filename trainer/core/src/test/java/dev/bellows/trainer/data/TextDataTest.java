package dev.bellows.trainer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bellows.tensor.DType;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextDataTest {
  private static final long SEED = 42;
  private static final int CONTEXT = 7;

  @TempDir Path folder;

  private static byte[] randomText(int length) {
    byte[] text = new byte[length];
    new SplittableRandom(SEED).nextBytes(text);
    return text;
  }

  private static RunConfig config(Path file, String... overrides) {
    List<String> all = new ArrayList<>(List.of("data.path=" + file, "seed=" + SEED));
    all.addAll(List.of(overrides));
    String text =
        "model: {kind: gpt, layers: 1, heads: 1, width: 8, context: "
            + CONTEXT
            + "}\ndata: {kind: text}\n"
            + "batch: {global: 8, micro: 1}\ntrain: {steps: 1}";
    return ConfigLoader.load("x.yaml", text, all);
  }

  private static byte[] gzip(byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream stream = new GZIPOutputStream(bytes)) {
      stream.write(content);
    }
    return bytes.toByteArray();
  }

  private static int[] ints(byte[] bytes, int from, int to) {
    int[] values = new int[to - from];
    for (int i = from; i < to; i++) {
      values[i - from] = bytes[i] & 0xFF;
    }
    return values;
  }

  @Test
  void trainingWindowsCoverTheSplitAtAShiftThatChangesWithTheEpoch() {
    for (int length : new int[] {2 * CONTEXT, 2 * CONTEXT + 1, 100, 101, 106}) {
      byte[] text = randomText(length + 20);
      Dataset train = TextDataset.train(text, 0, length, CONTEXT, 256, SEED);
      assertEquals(new SampleLayout(DType.I32, CONTEXT, CONTEXT, 256), train.layout());
      Set<Integer> shifts = new HashSet<>();
      for (int epoch = 0; epoch < 100; epoch++) {
        int shift = start(text, Reads.of(train, epoch, 0));
        shifts.add(shift);
        for (int i = 0; i < train.samples(); i++) {
          int start = shift + i * CONTEXT;
          assertTrue(start + CONTEXT < length, "a window reaches into the held-out part");
          Reads sample = Reads.of(train, epoch, i);
          assertArrayEquals(ints(text, start, start + CONTEXT), sample.tokens());
          assertArrayEquals(ints(text, start + 1, start + CONTEXT + 1), sample.targets());
        }
        assertTrue(
            length - (shift + train.samples() * CONTEXT + 1) < 2 * CONTEXT,
            "less than two windows may be left over");
      }
      assertEquals(
          CONTEXT, shifts.size(), () -> "100 epochs should see every shift, not " + shifts);
    }
  }

  private static int start(byte[] text, Reads sample) {
    for (int shift = 0; shift < CONTEXT; shift++) {
      if (Arrays.equals(ints(text, shift, shift + CONTEXT), sample.tokens())) {
        return shift;
      }
    }
    throw new AssertionError("the first window starts beyond the first " + CONTEXT + " bytes");
  }

  @Test
  void validationCountsEveryByteButTheFirstOnce() {
    for (int length : new int[] {2, 3, CONTEXT, CONTEXT + 1, CONTEXT + 2, 50}) {
      byte[] text = randomText(200);
      Dataset validation = TextDataset.validation(text, 150, 150 + length, CONTEXT, 256);
      List<Integer> counted = new ArrayList<>();
      for (int i = 0; i < validation.samples(); i++) {
        Reads sample = Reads.of(validation, i % 3, i);
        boolean ended = false;
        for (int t = 0; t < CONTEXT; t++) {
          ended |= sample.targets()[t] == SampleLayout.IGNORED;
          assertEquals(
              ended, sample.targets()[t] == SampleLayout.IGNORED, "ignored targets come last");
          assertTrue(sample.tokens()[t] >= 0 && sample.tokens()[t] < 256);
          if (!ended) {
            counted.add(sample.targets()[t]);
          }
        }
      }
      assertArrayEquals(
          ints(text, 151, 150 + length), counted.stream().mapToInt(Integer::intValue).toArray());
    }
  }

  @Test
  void opensPlainAndCompressedText() throws IOException {
    byte[] text = randomText(1000);
    Path plain = Files.write(folder.resolve("a.txt"), text);
    Path packed = Files.write(folder.resolve("a.txt.gz"), gzip(text));
    String hash = DataFiles.sha256(text);
    for (Path file : List.of(plain, packed)) {
      DataSplits splits = DataSplits.open(config(file, "data.sha256=" + hash));
      assertEquals((900 - CONTEXT) / CONTEXT, splits.train().samples());
      assertEquals(Math.ceilDiv(99, CONTEXT), splits.validation().samples());
      assertEquals(256, splits.classes());
      assertArrayEquals(
          ints(text, 900, 900 + CONTEXT), Reads.of(splits.validation(), 0, 0).tokens());
    }
  }

  @Test
  void bytesBecomeTextAgain() throws IOException {
    Path file = Files.write(folder.resolve("a.txt"), randomText(100));
    ByteText text = DataSplits.open(config(file)).text().orElseThrow();
    String sample = "Grüße 😀\n";
    assertEquals(sample, text.decode(text.encode(sample)));
    assertEquals(sample.getBytes(StandardCharsets.UTF_8).length, text.encode(sample).length);
    assertEquals("a\uFFFD\uFFFD", text.decode(new int[] {'a', 0xFF, 300}));
  }

  private String error(Path file, String... overrides) {
    DataException error =
        assertThrows(DataException.class, () -> DataSplits.open(config(file, overrides)));
    assertEquals("data", error.category());
    return error.getMessage();
  }

  @Test
  void whatCannotBeUsedIsOneSentence() throws IOException {
    Path missing = folder.resolve("none.txt");
    assertEquals(
        "there is no file " + missing + "; data.path must name a text file", error(missing));

    Path tiny = Files.write(folder.resolve("tiny.txt"), randomText(14));
    assertEquals(
        "the text in "
            + tiny
            + " has 14 bytes, of which data.validation 0.1 leaves 12 to train on and 2 to validate;"
            + " model.context 7 needs 14 and 2",
        error(tiny));

    byte[] packed = gzip(randomText(1000));
    Path cut = Files.write(folder.resolve("cut.gz"), Arrays.copyOf(packed, packed.length - 9));
    assertEquals(
        "the file " + cut + " is no complete gzip file; fetch or compress it again", error(cut));
    Path plain = Files.write(folder.resolve("plain.gz"), randomText(1000));
    assertEquals(
        "the file " + plain + " is no complete gzip file; fetch or compress it again",
        error(plain));

    Path other = Files.write(folder.resolve("other.txt"), randomText(1000));
    String wrong = "0".repeat(64);
    assertEquals(
        "the text in "
            + other
            + " has the SHA-256 "
            + DataFiles.sha256(randomText(1000))
            + ", but data.sha256 says "
            + wrong
            + "; restore the file or correct the key",
        error(other, "data.sha256=" + wrong));

    assertTrue(error(folder).startsWith("the file " + folder + " cannot be read ("), error(folder));
  }

  @Test
  void indicesOutsideAreRefused() {
    Dataset train = TextDataset.train(randomText(100), 0, 100, CONTEXT, 256, SEED);
    assertThrows(IndexOutOfBoundsException.class, () -> Reads.of(train, 0, train.samples()));
    assertThrows(IndexOutOfBoundsException.class, () -> Reads.of(train, 0, -1));
  }

  @Test
  void tinyShakespeare() {
    Path file = TestData.path("tinyshakespeare.txt");
    assumeTrue(
        Files.exists(file), () -> "no test data: " + file + " is missing (set BELLOWS_TEST_DATA)");
    DataSplits splits = DataSplits.open(config(file, "model.context=64"));
    // The split of nanoGPT: the first int(0.9 · 1115394) characters train.
    assertEquals((1_003_854 - 64) / 64, splits.train().samples());
    assertEquals(Math.ceilDiv(1_115_394 - 1_003_854 - 1, 64), splits.validation().samples());
  }

  @Test
  void theCorpusOfGptNanoIsTheOneThatItsRecipeNames() {
    RunConfig recipe = ConfigLoader.load(Path.of("../../conf/gpt-nano.yaml"), List.of());
    DataSplits splits =
        DataSplits.open(recipe.withPaths("runs/x", "../../conf/" + recipe.data().path()));
    assertTrue(splits.train().samples() > 1000);
  }
}
