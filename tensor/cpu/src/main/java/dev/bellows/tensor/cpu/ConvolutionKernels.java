package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static dev.bellows.tensor.cpu.Lanes.FLOATS;
import static dev.bellows.tensor.cpu.Lanes.WIDTH;
import static dev.bellows.tensor.cpu.Lanes.first;
import static dev.bellows.tensor.cpu.Lanes.load;
import static dev.bellows.tensor.cpu.Lanes.store;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Convolution;
import jdk.incubator.vector.VectorMask;

/// Turns one sample into the matrix [window, output pixels] whose product with the weights is its convolution, and back.
final class ConvolutionKernels {
  private ConvolutionKernels() {}

  /// `matrix[tap, pixel]` is what the output pixel reads through tap (channel, row, column) of the kernel; 0 in the padding.
  static void unfold(Convolution spec, long x, long matrix) {
    int columns = spec.outWidth();
    long target = matrix;
    for (int tap = 0; tap < spec.window(); tap++) {
      long plane = x + 4L * plane(spec, tap);
      for (int i = 0; i < spec.outHeight(); i++) {
        int row = row(spec, tap, i);
        if (row < 0 || row >= spec.height()) {
          ElementwiseKernels.fill(target, columns, 0f);
        } else {
          gather(plane + 4L * row * spec.width(), shift(spec, tap), spec, target);
        }
        target += 4L * columns;
      }
    }
  }

  /// Adds each element of `matrix` to the pixel of `dx` that [#unfold] reads it from; `dx` is overwritten.
  static void fold(Convolution spec, long matrix, long dx) {
    ElementwiseKernels.fill(dx, spec.inElements(), 0f);
    int columns = spec.outWidth();
    long source = matrix;
    for (int tap = 0; tap < spec.window(); tap++) {
      long plane = dx + 4L * plane(spec, tap);
      for (int i = 0; i < spec.outHeight(); i++) {
        int row = row(spec, tap, i);
        if (row >= 0 && row < spec.height()) {
          scatter(source, plane + 4L * row * spec.width(), shift(spec, tap), spec);
        }
        source += 4L * columns;
      }
    }
  }

  private static int plane(Convolution spec, int tap) {
    return tap / (spec.kernel() * spec.kernel()) * spec.height() * spec.width();
  }

  private static int row(Convolution spec, int tap, int outRow) {
    return outRow * spec.stride() + tap / spec.kernel() % spec.kernel() - spec.padding();
  }

  /// Column of the input that column 0 of the output reads.
  private static int shift(Convolution spec, int tap) {
    return tap % spec.kernel() - spec.padding();
  }

  /// `target[j] = row[j · stride + shift]`, 0 outside of the row.
  private static void gather(long row, int shift, Convolution spec, long target) {
    int n = spec.outWidth();
    if (spec.stride() == 1) {
      for (int j = 0; j < n; j += WIDTH) {
        VectorMask<Float> inside = FLOATS.indexInRange(j + shift, spec.width());
        store(load(row + 4L * (j + shift), inside), target + 4L * j, first(n - j));
      }
      return;
    }
    for (int j = 0; j < n; j++) {
      int column = j * spec.stride() + shift;
      float value =
          column < 0 || column >= spec.width() ? 0f : ALL.get(JAVA_FLOAT, row + 4L * column);
      ALL.set(JAVA_FLOAT, target + 4L * j, value);
    }
  }

  /// `row[j · stride + shift] += source[j]` inside of the row.
  private static void scatter(long source, long row, int shift, Convolution spec) {
    int n = spec.outWidth();
    if (spec.stride() == 1) {
      for (int j = 0; j < n; j += WIDTH) {
        VectorMask<Float> mask =
            FLOATS.indexInRange(j + shift, spec.width()).and(first(n - j));
        long at = row + 4L * (j + shift);
        store(load(at, mask).add(load(source + 4L * j, mask)), at, mask);
      }
      return;
    }
    for (int j = 0; j < n; j++) {
      int column = j * spec.stride() + shift;
      if (column >= 0 && column < spec.width()) {
        long at = row + 4L * column;
        float sum = ALL.get(JAVA_FLOAT, at) + ALL.get(JAVA_FLOAT, source + 4L * j);
        ALL.set(JAVA_FLOAT, at, sum);
      }
    }
  }
}
