package dev.bellows.tensor;

/// Convolution and pooling of [ReferenceBackend], element by element. Arguments are checked by the caller.
final class ReferenceConvolution {
  private final Convolution spec;

  ReferenceConvolution(Convolution spec) {
    this.spec = spec;
  }

  /// Work on one pair of an output element and an input element that it reads.
  @FunctionalInterface
  private interface Pair {
    void visit(int output, int input, int weight);
  }

  /// Visits all pairs of `samples` samples; those with the padding are left out.
  private void forEach(int samples, Pair pair) {
    for (int output = 0; output < samples * spec.outElements(); output++) {
      int sample = output / spec.outElements();
      int x = output % spec.outWidth();
      int y = output / spec.outWidth() % spec.outHeight();
      for (int tap = 0; tap < spec.window(); tap++) {
        int column = x * spec.stride() + tap % spec.kernel() - spec.padding();
        int row = y * spec.stride() + tap / spec.kernel() % spec.kernel() - spec.padding();
        if (column >= 0 && column < spec.width() && row >= 0 && row < spec.height()) {
          int channel = tap / (spec.kernel() * spec.kernel());
          pair.visit(
              output,
              sample * spec.inElements()
                  + (channel * spec.height() + row) * spec.width()
                  + column,
              channelOf(output) * spec.window() + tap);
        }
      }
    }
  }

  private int channelOf(int output) {
    return output / (spec.outHeight() * spec.outWidth()) % spec.outChannels();
  }

  void forward(Tensor x, Tensor weight, Tensor bias, Tensor y) {
    double[] pixels = Values.read(x);
    double[] weights = Values.read(weight);
    double[] offsets = Values.read(bias);
    double[] sums = new double[(int) y.elements()];
    forEach(
        (int) x.shape().dim(0),
        (output, input, tap) -> sums[output] += pixels[input] * weights[tap]);
    for (int i = 0; i < sums.length; i++) {
      Values.write(sums[i] + offsets[channelOf(i)], y, i);
    }
  }

  void inputGradient(Tensor weight, Tensor dy, Tensor dx) {
    double[] weights = Values.read(weight);
    double[] gradients = Values.read(dy);
    double[] sums = new double[(int) dx.elements()];
    forEach(
        (int) dx.shape().dim(0),
        (output, input, tap) -> sums[input] += gradients[output] * weights[tap]);
    Values.write(sums, dx);
  }

  void weightGradient(Tensor x, Tensor dy, Tensor dweight, Tensor dbias, boolean accumulate) {
    double[] pixels = Values.read(x);
    double[] gradients = Values.read(dy);
    double[] sums = new double[(int) dweight.elements()];
    forEach(
        (int) x.shape().dim(0),
        (output, input, tap) -> sums[tap] += gradients[output] * pixels[input]);
    double[] offsets = new double[spec.outChannels()];
    for (int i = 0; i < gradients.length; i++) {
      offsets[channelOf(i)] += gradients[i];
    }
    Values.write(sums, dweight, accumulate);
    Values.write(offsets, dbias, accumulate);
  }

  static void maxPool(Pooling spec, Tensor x, Tensor y, Tensor places) {
    double[] pixels = Values.read(x);
    int plane = spec.height() * spec.width();
    int outPlane = spec.outHeight() * spec.outWidth();
    for (int i = 0; i < y.elements(); i++) {
      int row = i / spec.outWidth() % spec.outHeight() * spec.stride();
      int column = i % spec.outWidth() * spec.stride();
      int best = row * spec.width() + column;
      double largest = Double.NEGATIVE_INFINITY;
      for (int tap = 0; tap < spec.window() * spec.window(); tap++) {
        int place =
            (row + tap / spec.window()) * spec.width() + column + tap % spec.window();
        double value = pixels[i / outPlane * plane + place];
        if (value > largest || Double.isNaN(value)) {
          largest = value;
          best = place;
        }
      }
      Values.write(largest, y, i);
      Values.writeLong(best, places, i);
    }
  }

  static void maxPoolBackward(Pooling spec, Tensor places, Tensor dy, Tensor dx) {
    int plane = spec.height() * spec.width();
    int outPlane = spec.outHeight() * spec.outWidth();
    double[] sums = new double[(int) dx.elements()];
    for (int i = 0; i < dy.elements(); i++) {
      sums[i / outPlane * plane + (int) Values.readLong(places, i)] += Values.read(dy, i);
    }
    Values.write(sums, dx);
  }
}
