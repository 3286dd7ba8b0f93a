package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.tensor.Pooling;
import java.util.Objects;

/// Max pooling of one plane.
final class PoolingKernels {
  private PoolingKernels() {}

  static void forward(Pooling spec, long x, long y, long places) {
    int width = spec.width();
    int window = spec.window();
    long at = 0;
    for (int i = 0; i < spec.outHeight(); i++) {
      for (int j = 0; j < spec.outWidth(); j++) {
        int corner = (i * width + j) * spec.stride();
        int best = corner;
        float largest = Float.NEGATIVE_INFINITY;
        for (int row = 0; row < window; row++) {
          for (int column = 0; column < window; column++) {
            int place = corner + row * width + column;
            float value = ALL.get(JAVA_FLOAT, x + 4L * place);
            if (value > largest || Float.isNaN(value)) {
              largest = value;
              best = place;
            }
          }
        }
        ALL.set(JAVA_FLOAT, y + at, largest);
        ALL.set(JAVA_INT, places + at, best);
        at += 4;
      }
    }
  }

  static void backward(Pooling spec, long places, long dy, long dx) {
    int plane = spec.height() * spec.width();
    ElementwiseKernels.fill(dx, plane, 0f);
    int n = spec.outHeight() * spec.outWidth();
    for (int i = 0; i < n; i++) {
      // A wrong place must not write beside the plane.
      int place = Objects.checkIndex(ALL.get(JAVA_INT, places + 4L * i), plane);
      long at = dx + 4L * place;
      ALL.set(JAVA_FLOAT, at, ALL.get(JAVA_FLOAT, at) + ALL.get(JAVA_FLOAT, dy + 4L * i));
    }
  }
}
