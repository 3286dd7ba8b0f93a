package dev.bellows.tensor;

/// RMS normalisation, SwiGLU and rotary embedding of [ReferenceBackend] by their textbook formulas. Arguments are checked by the caller.
final class ReferenceLlamaLayers {
  private ReferenceLlamaLayers() {}

  static void rmsNorm(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverseRms) {
    int m = (int) x.shape().dim(0);
    int n = (int) x.shape().dim(1);
    double[] values = Values.read(x);
    double[] weights = Values.read(gamma);
    for (int i = 0; i < m; i++) {
      double meanSquare = 0;
      for (int j = 0; j < n; j++) {
        meanSquare += values[i * n + j] * values[i * n + j] / n;
      }
      double inverse = 1 / StrictMath.sqrt(meanSquare + epsilon);
      for (int j = 0; j < n; j++) {
        Values.write(values[i * n + j] * inverse * weights[j], y, (long) i * n + j);
      }
      Values.write(inverse, inverseRms, i);
    }
  }

  /// With h = x · inverseRms and w = dy · gamma: dx = inverseRms · (w - h · avg(w · h)), the average over a row; dgamma = sum of dy · h over the
  /// rows.
  static void rmsNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor inverseRms,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      boolean accumulate) {
    int m = (int) x.shape().dim(0);
    int n = (int) x.shape().dim(1);
    double[] values = Values.read(x);
    double[] gradients = Values.read(dy);
    double[] weights = Values.read(gamma);
    double[] dweights = new double[n];
    for (int i = 0; i < m; i++) {
      double inverse = Values.read(inverseRms, i);
      double average = 0;
      for (int j = 0; j < n; j++) {
        double h = values[i * n + j] * inverse;
        average += gradients[i * n + j] * weights[j] * h / n;
        dweights[j] += gradients[i * n + j] * h;
      }
      for (int j = 0; j < n; j++) {
        double h = values[i * n + j] * inverse;
        Values.write(
            inverse * (gradients[i * n + j] * weights[j] - h * average), dx, (long) i * n + j);
      }
    }
    Values.write(dweights, dgamma, accumulate);
  }

  static void swiGlu(Tensor x, Tensor y) {
    int n = (int) y.shape().dim(1);
    for (long i = 0; i < y.elements(); i++) {
      long gate = i / n * 2 * n + i % n;
      double g = Values.read(x, gate);
      Values.write(g * sigmoid(g) * Values.read(x, gate + n), y, i);
    }
  }

  /// With s = sigmoid(gate): dgate = dy · up · s · (1 + gate · (1 - s)), dup = dy · gate · s.
  static void swiGluBackward(Tensor x, Tensor dy, Tensor dx) {
    int n = (int) dy.shape().dim(1);
    for (long i = 0; i < dy.elements(); i++) {
      long gate = i / n * 2 * n + i % n;
      double g = Values.read(x, gate);
      double up = Values.read(x, gate + n);
      double s = sigmoid(g);
      double gradient = Values.read(dy, i);
      Values.write(gradient * up * s * (1 + g * (1 - s)), dx, gate);
      Values.write(gradient * g * s, dx, gate + n);
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + StrictMath.exp(-x));
  }

  static void rotary(Rotary spec, Tensor x, Tensor y) {
    int width = (int) x.shape().dim(1);
    int half = spec.headWidth() / 2;
    double[] values = Values.read(x);
    double[] turned = values.clone();
    for (int row = 0; row < x.shape().dim(0); row++) {
      int position = row % spec.time();
      for (int pair = 0; pair < spec.heads() * half; pair++) {
        int first = row * width + pair / half * spec.headWidth() + pair % half;
        double angle = position * spec.frequency(pair % half);
        double cosine = StrictMath.cos(angle);
        double sine = spec.inverse() ? -StrictMath.sin(angle) : StrictMath.sin(angle);
        turned[first] = values[first] * cosine - values[first + half] * sine;
        turned[first + half] = values[first + half] * cosine + values[first] * sine;
      }
    }
    Values.write(turned, y);
  }
}
