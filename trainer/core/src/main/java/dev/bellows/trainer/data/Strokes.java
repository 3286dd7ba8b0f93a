package dev.bellows.trainer.data;

import java.util.ArrayList;
import java.util.List;

/// The ten digits as pen strokes in the unit square, x to the right and y down. A stroke is a poly-line `[x0, y0, x1, y1, …]`.
final class Strokes {
  private static final double STEP = Math.PI / 9;
  private static final List<List<double[]>> DIGITS =
      List.of(
          List.of(arc(0.5, 0.5, 0.28, 0.4, 0, 360)),
          List.of(line(0.34, 0.26, 0.52, 0.1, 0.52, 0.9)),
          List.of(join(arc(0.5, 0.33, 0.26, 0.23, -180, 35), line(0.24, 0.9, 0.78, 0.9))),
          List.of(arc(0.46, 0.3, 0.26, 0.2, -150, 90), arc(0.46, 0.7, 0.28, 0.2, -90, 150)),
          List.of(line(0.62, 0.9, 0.62, 0.1, 0.2, 0.62, 0.82, 0.62)),
          List.of(
              join(line(0.74, 0.1, 0.32, 0.1, 0.29, 0.46), arc(0.48, 0.65, 0.28, 0.25, -130, 140))),
          List.of(
              arc(0.5, 0.68, 0.24, 0.22, 0, 360),
              line(0.66, 0.1, 0.42, 0.28, 0.29, 0.5, 0.26, 0.68)),
          List.of(line(0.22, 0.12, 0.78, 0.12, 0.6, 0.45, 0.42, 0.9)),
          List.of(arc(0.5, 0.3, 0.22, 0.19, 0, 360), arc(0.5, 0.7, 0.27, 0.21, 0, 360)),
          List.of(arc(0.5, 0.32, 0.24, 0.22, 0, 360), line(0.74, 0.32, 0.72, 0.58, 0.6, 0.9)));

  private Strokes() {}

  /// The strokes of `digit`, 0 to 9. Not to be written to.
  static List<double[]> of(int digit) {
    return DIGITS.get(digit);
  }

  private static double[] line(double... points) {
    return points;
  }

  /// A piece of an ellipse, clockwise on the page, as chords of at most 20 degrees.
  private static double[] arc(
      double x, double y, double width, double height, double from, double to) {
    double start = Math.toRadians(from);
    double sweep = Math.toRadians(to - from);
    int chords = (int) Math.ceil(sweep / STEP - 1e-9);
    double[] points = new double[2 * (chords + 1)];
    for (int i = 0; i <= chords; i++) {
      // StrictMath gives the same bits on every JVM; Math need not.
      points[2 * i] = x + width * StrictMath.cos(start + sweep * i / chords);
      points[2 * i + 1] = y + height * StrictMath.sin(start + sweep * i / chords);
    }
    return points;
  }

  private static double[] join(double[]... parts) {
    List<Double> points = new ArrayList<>();
    for (double[] part : parts) {
      for (double coordinate : part) {
        points.add(coordinate);
      }
    }
    return points.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
