package dev.bellows.tensor;

/// Lion and the factored second moment in plain loops, for [ReferenceBackend].
final class ReferenceUpdates {
  private ReferenceUpdates() {}

  static void lion(LionStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    for (long i = 0; i < parameter.elements(); i++) {
      double g = step.gradientScale() * Values.read(gradient, i);
      double m = Values.read(momentum, i);
      double c = step.beta1() * m + (1 - step.beta1()) * g;
      double sign = c > 0 ? 1 : c < 0 ? -1 : 0;
      double p = Values.read(parameter, i) * (1 - step.learningRate() * step.weightDecay());
      Values.write(p - step.learningRate() * sign, parameter, i);
      Values.write(step.beta2() * m + (1 - step.beta2()) * g, momentum, i);
    }
  }

  static void factoredMoments(
      double scale, double weight, Tensor gradient, Tensor rows, Tensor columns) {
    int m = (int) rows.elements();
    int n = (int) columns.elements();
    double[] rowSums = new double[m];
    double[] columnSums = new double[n];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double g = scale * Values.read(gradient, (long) i * n + j);
        rowSums[i] += g * g;
        columnSums[j] += g * g;
      }
    }
    if (m > 0 && n > 0) {
      approach(rowSums, n, weight, rows);
      approach(columnSums, m, weight, columns);
    }
  }

  private static void approach(double[] sums, int count, double weight, Tensor means) {
    for (int i = 0; i < sums.length; i++) {
      double old = Values.read(means, i);
      Values.write(old + weight * (sums[i] / count - old), means, i);
    }
  }

  static void factoredUpdate(
      double scale,
      double rowMean,
      double floor,
      Tensor gradient,
      Tensor rows,
      Tensor columns,
      Tensor update) {
    int n = (int) columns.elements();
    for (int i = 0; i < rows.elements(); i++) {
      double row = Values.read(rows, i) / rowMean;
      for (int j = 0; j < n; j++) {
        long at = (long) i * n + j;
        double second = Math.max(row * Values.read(columns, j), floor);
        Values.write(scale * Values.read(gradient, at) / StrictMath.sqrt(second), update, at);
      }
    }
  }
}
