package dev.bellows.trainer.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bellows.tensor.DType;
import dev.bellows.trainer.config.ConfigLoader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdxDataTest {
  private static final String TRAIN_IMAGES = "train-images-idx3-ubyte";
  private static final String TRAIN_LABELS = "train-labels-idx1-ubyte";
  private static final String TEST_IMAGES = "t10k-images-idx3-ubyte";
  private static final String TEST_LABELS = "t10k-labels-idx1-ubyte";

  @TempDir Path folder;

  @BeforeEach
  void writeFiles() throws IOException {
    write(TRAIN_IMAGES, images(3, 2, 2));
    write(TRAIN_LABELS, labels(0, 4, 1));
    write(TEST_IMAGES, images(1, 2, 2));
    write(TEST_LABELS, labels(3));
  }

  private static byte[] images(int count, int rows, int columns) {
    ByteBuffer file =
        ByteBuffer.allocate(16 + count * rows * columns)
            .putInt(0x803)
            .putInt(count)
            .putInt(rows)
            .putInt(columns);
    for (int i = 0; file.hasRemaining(); i++) {
      file.put((byte) (i * 23));
    }
    return file.array();
  }

  private static byte[] labels(int... labels) {
    ByteBuffer file = ByteBuffer.allocate(8 + labels.length).putInt(0x801).putInt(labels.length);
    for (int label : labels) {
      file.put((byte) label);
    }
    return file.array();
  }

  private void write(String name, byte[] content) throws IOException {
    Files.write(folder.resolve(name), content);
  }

  private static DataSplits open(Path path) {
    String text =
        "model: {kind: mlp, hidden: [4]}\n"
            + "data: {kind: idx}\n"
            + "batch: {global: 8, micro: 1}\n"
            + "train: {steps: 1}";
    return DataSplits.open(ConfigLoader.load("x.yaml", text, List.of("data.path=" + path)));
  }

  private String error() {
    return assertThrows(DataException.class, () -> open(folder)).getMessage();
  }

  @Test
  void readsNormalisedPixelsAndLabels() {
    DataSplits splits = open(folder);
    assertEquals(new SampleLayout(DType.F32, 4, 1, 5), splits.train().layout());
    assertEquals(splits.train().layout(), splits.validation().layout());
    assertEquals(5, splits.classes());
    assertTrue(splits.text().isEmpty());
    assertEquals(3, splits.train().samples());
    assertEquals(1, splits.validation().samples());
    Reads second = Reads.of(splits.train(), 9, 1);
    assertArrayEquals(new int[] {4}, second.targets());
    for (int i = 0; i < 4; i++) {
      assertEquals(((4 + i) * 23 / 255.0 - 0.1307) / 0.3081, second.features()[i], 1e-6);
    }
    assertThrows(IndexOutOfBoundsException.class, () -> Reads.of(splits.train(), 0, 3));
  }

  @Test
  void compressedFilesAreTheSame() throws IOException {
    float[] plain = Reads.of(open(folder).train(), 0, 2).features();
    for (String name : List.of(TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)) {
      Path file = folder.resolve(name);
      try (OutputStream packed =
          new GZIPOutputStream(Files.newOutputStream(folder.resolve(name + ".gz")))) {
        packed.write(Files.readAllBytes(file));
      }
      Files.delete(file);
    }
    assertArrayEquals(plain, Reads.of(open(folder).train(), 0, 2).features());
  }

  @Test
  void wrongFilesAreNamed() throws IOException {
    Path images = folder.resolve(TRAIN_IMAGES);
    write(TRAIN_IMAGES, labels(1, 2, 3, 4, 5, 6, 7, 8));
    assertEquals(
        "the file "
            + images
            + " starts with 0x00000801; an IDX file of unsigned bytes with 3 dims starts with"
            + " 0x00000803",
        error());
    write(TRAIN_IMAGES, new byte[5]);
    assertEquals("the file " + images + " has 5 bytes; an IDX header alone has 16", error());
    write(TRAIN_IMAGES, java.util.Arrays.copyOf(images(3, 2, 2), 27));
    assertEquals(
        "the file " + images + " holds 11 elements, but its header says [3, 2, 2]; fetch it again",
        error());
    write(TRAIN_IMAGES, java.util.Arrays.copyOf(images(3, 2, 2), 29));
    assertEquals(
        "the file " + images + " holds 13 elements, but its header says [3, 2, 2]; fetch it again",
        error());
    write(
        TRAIN_IMAGES, ByteBuffer.allocate(16).putInt(0x803).putInt(-1).putInt(2).putInt(2).array());
    assertEquals("the file " + images + " has dim 0 of size -1; it must be 1 or more", error());
    write(
        TRAIN_IMAGES,
        ByteBuffer.allocate(16)
            .putInt(0x803)
            .putInt(Integer.MAX_VALUE)
            .putInt(Integer.MAX_VALUE)
            .putInt(Integer.MAX_VALUE)
            .array());
    assertTrue(error().contains(" holds 0 elements, but its header says "), error());
    write(TRAIN_IMAGES, images(4, 2, 2));
    assertEquals(
        "the file "
            + images
            + " has 4 images, but "
            + folder.resolve(TRAIN_LABELS)
            + " has 3 labels; they must be as many",
        error());
  }

  @Test
  void testFilesMustFitTheTrainingFiles() throws IOException {
    write(TEST_LABELS, labels(5));
    assertEquals(
        "the file "
            + folder.resolve(TEST_LABELS)
            + " has the label 5; the training labels end at 4",
        error());
    write(TEST_LABELS, labels(1));
    write(TEST_IMAGES, images(1, 3, 2));
    assertEquals(
        "the file "
            + folder.resolve(TEST_IMAGES)
            + " has images of 3 x 2; the training images have 2 x 2",
        error());
  }

  @Test
  void missingFilesAreNamed() throws IOException {
    Files.delete(folder.resolve(TEST_LABELS));
    assertEquals(
        "there is no file "
            + folder.resolve(TEST_LABELS)
            + ".gz; put t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz there",
        error());
    Path none = folder.resolve("none");
    assertEquals(
        "there is no folder " + none + "; data.path must name the folder with the MNIST files",
        assertThrows(DataException.class, () -> open(none)).getMessage());
  }

  @Test
  void mnist() {
    Path mnist = TestData.path("mnist");
    assumeTrue(
        Files.exists(mnist),
        () -> "no test data: " + mnist + " is missing (set BELLOWS_TEST_DATA)");
    DataSplits splits = open(mnist);
    assertEquals(60_000, splits.train().samples());
    assertEquals(10_000, splits.validation().samples());
    assertEquals(new SampleLayout(DType.F32, 784, 1, 10), splits.train().layout());
    // The first training labels, as LeCun's page and everyone's tutorial show them.
    int[] first = {5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < 2000; i++) {
      Reads sample = Reads.of(splits.train(), 0, i);
      if (i < first.length) {
        assertArrayEquals(new int[] {first[i]}, sample.targets());
      }
      for (float pixel : sample.features()) {
        sum += pixel;
        squares += pixel * pixel;
      }
    }
    assertEquals(0, sum / (2000 * 784), 0.02);
    assertEquals(1, squares / (2000 * 784), 0.03);
  }
}
