package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.storage.FileStores;
import dev.bellows.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Images and labels in the form of MNIST (LeCun, Cortes and Burges). Pixels are scaled to [0, 1] and normalised with the mean and
/// deviation of MNIST's training images. Thread-safe: the files' bytes are never written.
final class IdxDataset implements Dataset {
  /// Of MNIST's training pixels in [0, 1].
  static final double MEAN = 0.1307;

  static final double DEVIATION = 0.3081;

  private final IdxFile images;
  private final IdxFile labels;
  private final float[] values = new float[256];
  private final SampleLayout layout;

  private IdxDataset(IdxFile images, IdxFile labels, int classes) {
    this.images = images;
    this.labels = labels;
    this.layout =
        new SampleLayout(DType.F32, (long) images.dims()[1] * images.dims()[2], 1, classes);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) ((i / 255.0 - MEAN) / DEVIATION);
    }
  }

  /// The training files in `folder`; there are as many classes as the largest label says.
  static IdxDataset train(String folder) {
    IdxFile labels = file(folder, "train-labels-idx1-ubyte", 1);
    return of(file(folder, "train-images-idx3-ubyte", 3), labels, 1 + largest(labels));
  }

  /// The test files in `folder`, which must have the form of `train`.
  static IdxDataset validation(String folder, IdxDataset train) {
    IdxFile images = file(folder, "t10k-images-idx3-ubyte", 3);
    IdxFile labels = file(folder, "t10k-labels-idx1-ubyte", 1);
    IdxDataset test = of(images, labels, train.layout.classes());
    if (largest(labels) >= train.layout.classes()) {
      throw new DataException(
          "the file "
              + labels.path()
              + " has the label "
              + largest(labels)
              + "; the training labels end at "
              + (train.layout.classes() - 1));
    }
    if (images.dims()[1] != train.images.dims()[1] || images.dims()[2] != train.images.dims()[2]) {
      throw new DataException(
          "the file "
              + images.path()
              + " has images of "
              + size(images)
              + "; the training images have "
              + size(train.images));
    }
    return test;
  }

  private static IdxDataset of(IdxFile images, IdxFile labels, int classes) {
    if (images.dims()[0] != labels.dims()[0]) {
      throw new DataException(
          "the file "
              + images.path()
              + " has "
              + images.dims()[0]
              + " images, but "
              + labels.path()
              + " has "
              + labels.dims()[0]
              + " labels; they must be as many");
    }
    return new IdxDataset(images, labels, classes);
  }

  private static String size(IdxFile images) {
    return images.dims()[1] + " x " + images.dims()[2];
  }

  private static int largest(IdxFile labels) {
    int largest = 0;
    for (int i = 0; i < labels.dims()[0]; i++) {
      largest = Math.max(largest, labels.element(i));
    }
    return largest;
  }

  private static IdxFile file(String folder, String name, int rank) {
    String base = FileStores.absolute(folder);
    if (!DataFiles.exists(base)) {
      throw new DataException(
          "there is no folder " + base + "; data.path must name the folder with the MNIST files");
    }
    String plain = base + "/" + name;
    String path = DataFiles.exists(plain) ? plain : plain + ".gz";
    return IdxFile.parse(
        path, DataFiles.read(path, "put " + name + " or " + name + ".gz there"), rank);
  }

  @Override
  public long samples() {
    return labels.dims()[0];
  }

  @Override
  public SampleLayout layout() {
    return layout;
  }

  @Override
  public void read(long epoch, long index, MemorySegment inputs, MemorySegment targets) {
    int sample = (int) Objects.checkIndex(index, samples());
    int pixels = (int) layout.inputElements();
    for (int i = 0; i < pixels; i++) {
      inputs.setAtIndex(JAVA_FLOAT, i, values[images.element(sample * pixels + i)]);
    }
    targets.set(JAVA_INT, 0, labels.element(sample));
  }
}
