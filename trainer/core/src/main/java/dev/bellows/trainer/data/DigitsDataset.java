package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Philox.Purpose;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Digits drawn from strokes, 28 × 28, each with its own turn, size, slant, place, bend, pen and noise: a data set that needs no file. Sample
/// `index` is a pure function of (seed, split, index), the same in every epoch. Pixels are normalised as MNIST's. Thread-safe.
final class DigitsDataset implements Dataset {
  private static final int SIDE = 28;
  private static final int CLASSES = 10;

  /// Side in pixels of the square that an undistorted digit fills.
  private static final double BOX = 20;

  private static final double NOISE = 0.25;

  private final Philox stream;
  private final long samples;
  private final SampleLayout layout = new SampleLayout(DType.F32, SIDE * SIDE, 1, CLASSES);

  /// `samples` digits of the stream called `split`; two splits share none.
  DigitsDataset(long seed, String split, long samples) {
    this.stream = Philox.of(seed, Purpose.DATA_AUGMENTATION).derive("digits").derive(split);
    this.samples = samples;
  }

  @Override
  public long samples() {
    return samples;
  }

  @Override
  public SampleLayout layout() {
    return layout;
  }

  @Override
  public void read(long epoch, long index, MemorySegment inputs, MemorySegment targets) {
    Philox sample = stream.derive(Objects.checkIndex(index, samples));
    int digit = (int) sample.below(0, CLASSES);
    float[] canvas = draw(digit, sample.derive("pen"));
    addNoise(canvas, sample.derive("noise"));
    for (int i = 0; i < canvas.length; i++) {
      inputs.setAtIndex(
          JAVA_FLOAT, i, (float) ((canvas[i] - IdxDataset.MEAN) / IdxDataset.DEVIATION));
    }
    targets.set(JAVA_INT, 0, digit);
  }

  private static float[] draw(int digit, Philox pen) {
    Distortion distortion = Distortion.draw(pen);
    float[] canvas = new float[SIDE * SIDE];
    for (double[] stroke : Strokes.of(digit)) {
      double fromX = distortion.x(stroke[0], stroke[1]);
      double fromY = distortion.y(stroke[0], stroke[1]);
      for (int i = 2; i < stroke.length; i += 2) {
        double toX = distortion.x(stroke[i], stroke[i + 1]);
        double toY = distortion.y(stroke[i], stroke[i + 1]);
        segment(canvas, fromX, fromY, toX, toY, distortion.radius(), distortion.ink());
        fromX = toX;
        fromY = toY;
      }
    }
    return canvas;
  }

  /// Draws one straight piece; a pixel's ink falls off over one pixel at the pen's border, which is its anti-aliasing.
  private static void segment(
      float[] canvas, double x0, double y0, double x1, double y1, double radius, double ink) {
    double reach = radius + 0.5;
    int top = Math.max(0, (int) Math.ceil(Math.min(y0, y1) - reach));
    int bottom = Math.min(SIDE - 1, (int) Math.floor(Math.max(y0, y1) + reach));
    int left = Math.max(0, (int) Math.ceil(Math.min(x0, x1) - reach));
    int right = Math.min(SIDE - 1, (int) Math.floor(Math.max(x0, x1) + reach));
    double dx = x1 - x0;
    double dy = y1 - y0;
    double squaredLength = Math.max(dx * dx + dy * dy, 1e-12);
    for (int y = top; y <= bottom; y++) {
      for (int x = left; x <= right; x++) {
        double along = Math.clamp(((x - x0) * dx + (y - y0) * dy) / squaredLength, 0.0, 1.0);
        double offX = x - x0 - along * dx;
        double offY = y - y0 - along * dy;
        double cover = Math.clamp(reach - Math.sqrt(offX * offX + offY * offY), 0.0, 1.0);
        canvas[y * SIDE + x] = Math.max(canvas[y * SIDE + x], (float) (ink * cover));
      }
    }
  }

  /// Adds triangular noise in (-NOISE, NOISE), two random bytes for each pixel, and cuts at 0 and 1.
  private static void addNoise(float[] canvas, Philox noise) {
    int[] words = new int[4];
    for (int i = 0; i < canvas.length; i++) {
      if (i % 8 == 0) {
        noise.block(i / 8, words);
      }
      int pair = words[i % 8 / 2] >>> (16 * (i % 2));
      double triangular = ((pair & 0xFF) + (pair >>> 8 & 0xFF) - 255) / 255.0;
      canvas[i] = (float) Math.clamp(canvas[i] + NOISE * triangular, 0.0, 1.0);
    }
  }

  /// How one digit differs from its strokes: a bend along each axis, then an affine map to pixels, then the pen.
  ///
  /// @param a x to x, in pixels
  /// @param b y to x
  /// @param c x to y
  /// @param d y to y
  /// @param shiftX centre in pixels
  /// @param shiftY centre in pixels
  /// @param bendX amplitude in the unit square
  /// @param bendY amplitude in the unit square
  /// @param phase of both, in radians
  /// @param radius half the pen's width in pixels
  /// @param ink darkest value
  private record Distortion(
      double a,
      double b,
      double c,
      double d,
      double shiftX,
      double shiftY,
      double bendX,
      double bendY,
      double phase,
      double radius,
      double ink) {
    static Distortion draw(Philox pen) {
      double turn = between(pen, 0, -0.35, 0.35);
      double width = BOX * between(pen, 1, 0.6, 1.1);
      double height = BOX * between(pen, 2, 0.7, 1.1);
      double slant = between(pen, 3, -0.3, 0.3);
      double cos = StrictMath.cos(turn);
      double sin = StrictMath.sin(turn);
      double middle = (SIDE - 1) / 2.0;
      return new Distortion(
          cos * width,
          (cos * slant - sin) * height,
          sin * width,
          (sin * slant + cos) * height,
          middle + between(pen, 4, -3, 3),
          middle + between(pen, 5, -3, 3),
          between(pen, 6, -0.08, 0.08),
          between(pen, 7, -0.08, 0.08),
          between(pen, 8, 0, 2 * Math.PI),
          between(pen, 9, 0.7, 1.6),
          between(pen, 10, 0.7, 1));
    }

    private static double between(Philox pen, int number, double least, double most) {
      return least + (most - least) * pen.uniform(number);
    }

    double x(double x, double y) {
      return a * (bentX(x, y) - 0.5) + b * (bentY(x, y) - 0.5) + shiftX;
    }

    double y(double x, double y) {
      return c * (bentX(x, y) - 0.5) + d * (bentY(x, y) - 0.5) + shiftY;
    }

    private double bentX(double x, double y) {
      return x + bendX * StrictMath.sin(2 * Math.PI * y + phase);
    }

    private double bentY(double x, double y) {
      return y + bendY * StrictMath.sin(2 * Math.PI * x + phase);
    }
  }
}
