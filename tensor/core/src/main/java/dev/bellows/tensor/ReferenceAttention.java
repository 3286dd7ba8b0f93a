package dev.bellows.tensor;

/// Attention of [ReferenceBackend], one query at a time, probabilities recomputed in the backward pass from the kept logSumExp.
final class ReferenceAttention {
  private final Attention spec;
  private final double scale;

  ReferenceAttention(Attention spec) {
    this.spec = spec;
    this.scale = 1 / StrictMath.sqrt(spec.headWidth());
  }

  void forward(Tensor qkv, Tensor out, Tensor logSumExp) {
    double[] packed = Values.read(qkv);
    for (int b = 0; b < spec.batch(); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < spec.time(); t++) {
          forwardQuery(packed, b, h, t, out, logSumExp);
        }
      }
    }
  }

  private void forwardQuery(double[] packed, int b, int h, int t, Tensor out, Tensor logSumExp) {
    int width = spec.headWidth();
    double[] scores = scores(packed, b, h, t);
    double maximum = Double.NEGATIVE_INFINITY;
    for (double score : scores) {
      maximum = Math.max(maximum, score);
    }
    double sum = 0;
    for (double score : scores) {
      sum += StrictMath.exp(score - maximum);
    }
    double logSum = maximum + StrictMath.log(sum);
    double[] result = new double[width];
    for (int s = 0; s < scores.length; s++) {
      double probability = StrictMath.exp(scores[s] - maximum) / sum;
      for (int d = 0; d < width; d++) {
        result[d] += probability * packed[value(b, h, s) + d];
      }
    }
    for (int d = 0; d < width; d++) {
      Values.write(result[d], out, output(b, h, t) + d);
    }
    Values.write(logSum, logSumExp, row(b, h, t));
  }

  /// With p the probabilities and delta = dout · out: ds = p · (dout · v - delta) · scale; dq = ds k, dk = dsᵀ q, dv = pᵀ dout.
  void backward(Tensor qkv, Tensor out, Tensor logSumExp, Tensor dout, Tensor dqkv) {
    double[] packed = Values.read(qkv);
    double[] outputs = Values.read(out);
    double[] logSums = Values.read(logSumExp);
    double[] gradients = Values.read(dout);
    double[] result = new double[packed.length];
    for (int b = 0; b < spec.batch(); b++) {
      for (int h = 0; h < spec.heads(); h++) {
        for (int t = 0; t < spec.time(); t++) {
          backwardQuery(packed, outputs, logSums[row(b, h, t)], gradients, b, h, t, result);
        }
      }
    }
    Values.write(result, dqkv);
  }

  private void backwardQuery(
      double[] packed,
      double[] outputs,
      double logSum,
      double[] gradients,
      int b,
      int h,
      int t,
      double[] result) {
    int width = spec.headWidth();
    int at = output(b, h, t);
    double[] scores = scores(packed, b, h, t);
    double delta = dot(gradients, at, outputs, at);
    for (int s = 0; s < scores.length; s++) {
      double probability = StrictMath.exp(scores[s] - logSum);
      double dscore = probability * (dot(gradients, at, packed, value(b, h, s)) - delta) * scale;
      for (int d = 0; d < width; d++) {
        result[query(b, h, t) + d] += dscore * packed[key(b, h, s) + d];
        result[key(b, h, s) + d] += dscore * packed[query(b, h, t) + d];
        result[value(b, h, s) + d] += probability * gradients[at + d];
      }
    }
  }

  /// Scaled scores of one query with the keys that it sees.
  private double[] scores(double[] packed, int b, int h, int t) {
    double[] scores = new double[spec.causal() ? t + 1 : spec.time()];
    for (int s = 0; s < scores.length; s++) {
      scores[s] = scale * dot(packed, query(b, h, t), packed, key(b, h, s));
    }
    return scores;
  }

  private double dot(double[] a, int startA, double[] b, int startB) {
    double sum = 0;
    for (int d = 0; d < spec.headWidth(); d++) {
      sum += a[startA + d] * b[startB + d];
    }
    return sum;
  }

  private int query(int b, int h, int t) {
    return (b * spec.time() + t) * spec.packedWidth() + h * spec.headWidth();
  }

  /// Query head h reads key and value head h / (heads / keyValueHeads).
  private int key(int b, int h, int s) {
    int group = h / (spec.heads() / spec.keyValueHeads());
    return (b * spec.time() + s) * spec.packedWidth() + (spec.heads() + group) * spec.headWidth();
  }

  private int value(int b, int h, int s) {
    return key(b, h, s) + spec.keyValueHeads() * spec.headWidth();
  }

  private int output(int b, int h, int t) {
    return ((b * spec.time() + t) * spec.heads() + h) * spec.headWidth();
  }

  private int row(int b, int h, int t) {
    return (b * spec.heads() + h) * spec.time() + t;
  }
}
