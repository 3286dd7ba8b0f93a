package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Each backward operation of the oracle, in F64, against central finite differences of its forward operation.
///
/// The scalar function is f = sum of w · output with random w; the difference quotient with h = 1e-5 has an error of about h² = 1e-10 from
/// the third derivative and 1e-16 / h = 1e-11 from rounding, so 1e-7 (relative to gradients of size 1) leaves no room for a wrong term.
class ReferenceGradientTest {
  private static final double STEP = 1e-5;
  private static final double TOLERANCE = 1e-7;

  private final ReferenceBackend backend = new ReferenceBackend();
  private final List<Tensor> tensors = new ArrayList<>();
  private final TestData data = new TestData("gradients");

  @AfterEach
  void close() {
    tensors.forEach(Tensor::release);
    backend.close();
  }

  private Tensor zeros(long... dims) {
    Tensor tensor = backend.allocate(DType.F64, Shape.of(dims), Category.WORKSPACE);
    backend.fill(tensor, 0);
    tensors.add(tensor);
    return tensor;
  }

  private Tensor random(long... dims) {
    Tensor tensor = zeros(dims);
    float[] values = data.normals(tensor.elements());
    for (int i = 0; i < values.length; i++) {
      Values.write(values[i], tensor, i);
    }
    return tensor;
  }

  private Tensor ids(int... values) {
    Tensor tensor = backend.allocate(DType.I32, Shape.of(values.length), Category.WORKSPACE);
    backend.upload(MemorySegment.ofArray(values), tensor);
    tensors.add(tensor);
    return tensor;
  }

  private static double dot(Tensor a, Tensor b) {
    double sum = 0;
    for (int i = 0; i < a.elements(); i++) {
      sum += Values.read(a, i) * Values.read(b, i);
    }
    return sum;
  }

  /// Checks `gradient` of the function that `forward` computes, with respect to each element of `x`.
  private static void check(String what, Tensor x, Tensor gradient, Supplier<Double> forward) {
    for (int i = 0; i < x.elements(); i++) {
      double value = Values.read(x, i);
      Values.write(value + STEP, x, i);
      double above = forward.get();
      Values.write(value - STEP, x, i);
      double below = forward.get();
      Values.write(value, x, i);
      double expected = (above - below) / (2 * STEP);
      double actual = Values.read(gradient, i);
      assertEquals(
          expected,
          actual,
          TOLERANCE * (1 + Math.abs(expected)),
          what + "[" + i + "]" + OperationRunner.seed());
    }
  }

  @Test
  void gelu() {
    Tensor x = random(40);
    Tensor dy = random(40);
    Tensor y = zeros(40);
    Tensor dx = zeros(40);
    backend.geluBackward(x, dy, dx);
    check(
        "dx",
        x,
        dx,
        () -> {
          backend.gelu(x, y);
          return dot(y, dy);
        });
  }

  @Test
  void relu() {
    Tensor x = random(40);
    Tensor dy = random(40);
    Tensor y = zeros(40);
    Tensor dx = zeros(40);
    backend.relu(x, y);
    backend.reluBackward(y, dy, dx);
    check(
        "dx",
        x,
        dx,
        () -> {
          backend.relu(x, y);
          return dot(y, dy);
        });
  }

  @Test
  void geluAtKnownPoints() {
    // Printed by Python: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x **
    // 3))).
    Tensor x = zeros(3);
    Tensor y = zeros(3);
    Values.write(new double[] {0, 1, -2}, x);
    backend.gelu(x, y);
    assertArrayEquals(
        new double[] {0, 0.8411919906082768, -0.04540230591222494}, Values.read(y), 1e-12);
  }

  @Test
  void layerNorm() {
    int m = 4;
    int n = 7;
    Tensor x = random(m, n);
    Tensor gamma = random(n);
    Tensor beta = random(n);
    Tensor dy = random(m, n);
    Tensor y = zeros(m, n);
    Tensor mean = zeros(m);
    Tensor inverse = zeros(m);
    Tensor dx = zeros(m, n);
    Tensor dgamma = zeros(n);
    Tensor dbeta = zeros(n);
    Supplier<Double> forward =
        () -> {
          backend.layerNorm(x, gamma, beta, 1e-5, y, mean, inverse);
          return dot(y, dy);
        };
    double unused = forward.get();
    backend.layerNormBackward(x, gamma, mean, inverse, dy, dx, dgamma, dbeta, false);
    check("dx", x, dx, forward);
    check("dgamma", gamma, dgamma, forward);
    check("dbeta", beta, dbeta, forward);
  }

  @Test
  void layerNormNormalises() {
    Tensor x = random(3, 50);
    Tensor ones = zeros(50);
    backend.fill(ones, 1);
    Tensor y = zeros(3, 50);
    backend.layerNorm(x, ones, zeros(50), 0, y, zeros(3), zeros(3));
    for (int i = 0; i < 3; i++) {
      Tensor row = y.slice(i * 50L, 50);
      assertEquals(0, backend.sum(row) / 50, 1e-12);
      assertEquals(1, backend.squaredNorm(row) / 50, 1e-12);
    }
  }

  @Test
  void attention() {
    attention(new Attention(2, 5, 2, 2, 3, true));
    attention(new Attention(1, 5, 4, 2, 3, true));
    attention(new Attention(1, 4, 3, 1, 2, false));
  }

  private void attention(Attention spec) {
    long rows = (long) spec.batch() * spec.time();
    long width = (long) spec.heads() * spec.headWidth();
    Tensor qkv = random(rows, spec.packedWidth());
    Tensor dout = random(rows, width);
    Tensor out = zeros(rows, width);
    Tensor logSumExp = zeros(rows * spec.heads());
    Tensor dqkv = zeros(rows, spec.packedWidth());
    Supplier<Double> forward =
        () -> {
          backend.attention(spec, qkv, out, logSumExp);
          return dot(out, dout);
        };
    double unused = forward.get();
    backend.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
    check(spec + " dqkv", qkv, dqkv, forward);
  }

  /// Where all keys are equal the output is the average of the values that a position sees: a check of layout and mask by hand.
  @Test
  void attentionAveragesOverWhatAPositionSees() {
    Attention spec = new Attention(1, 3, 4, 2, 1, true);
    Tensor qkv = zeros(3, spec.packedWidth());
    for (int t = 0; t < 3; t++) {
      Values.write(t + 1, qkv, t * 8L + 6);
      Values.write(10 * (t + 1), qkv, t * 8L + 7);
    }
    Tensor out = zeros(3, 4);
    Tensor logSumExp = zeros(12);
    backend.attention(spec, qkv, out, logSumExp);
    assertArrayEquals(
        new double[] {1, 1, 10, 10, 1.5, 1.5, 15, 15, 2, 2, 20, 20}, Values.read(out), 1e-12);
    double[] head = {0, Math.log(2), Math.log(3)};
    for (int i = 0; i < 12; i++) {
      assertEquals(head[i % 3], Values.read(logSumExp, i), 1e-12);
    }
  }

  @Test
  void crossEntropy() {
    Tensor logits = random(4, 6);
    Tensor targets = ids(5, 0, -1, 2);
    Tensor losses = zeros(4);
    Tensor dlogits = zeros(4, 6);
    backend.crossEntropyWithGradient(logits, targets, 0.25, losses, dlogits);
    check(
        "dlogits",
        logits,
        dlogits,
        () -> {
          backend.crossEntropy(logits, targets, losses);
          return 0.25 * backend.sum(losses);
        });
  }

  @Test
  void crossEntropyOfEqualLogitsIsTheLogarithmOfTheirNumber() {
    Tensor losses = zeros(2);
    backend.crossEntropy(zeros(2, 65), ids(3, -100), losses);
    assertArrayEquals(new double[] {Math.log(65), 0}, Values.read(losses), 1e-12);
  }

  @Test
  void embedding() {
    Tensor ids = ids(2, 0, 2, 1, 2);
    Tensor table = random(4, 3);
    Tensor dout = random(5, 3);
    Tensor out = zeros(5, 3);
    Tensor dtable = zeros(4, 3);
    backend.embeddingBackward(ids, dout, dtable);
    check(
        "dtable",
        table,
        dtable,
        () -> {
          backend.embedding(ids, table, out, false);
          return dot(out, dout);
        });
  }

  /// dA = dC Bᵀ and dB = Aᵀ dC, as a linear layer's backward pass calls gemm.
  @Test
  void gemm() {
    Tensor a = random(4, 3);
    Tensor b = random(3, 5);
    Tensor dc = random(4, 5);
    Tensor c = zeros(4, 5);
    Tensor da = zeros(4, 3);
    Tensor db = zeros(3, 5);
    Tensor bias = random(5);
    Tensor dbias = zeros(5);
    backend.gemm(Gemm.NT, dc, b, da);
    backend.gemm(Gemm.TN, a, dc, db);
    backend.columnSums(dc, dbias, false);
    Supplier<Double> forward =
        () -> {
          backend.gemmBias(Gemm.NN, a, b, bias, c);
          return dot(c, dc);
        };
    check("da", a, da, forward);
    check("db", b, db, forward);
    check("dbias", bias, dbias, forward);
  }

  /// Three steps by the formulas of the two papers written out anew, biased moments corrected first and decay decoupled.
  @Test
  void adamWFollowsAHandWrittenTrajectory() {
    Tensor parameter = zeros(1);
    Tensor gradient = zeros(1);
    Tensor first = zeros(1);
    Tensor second = zeros(1);
    backend.fill(parameter, 2);
    double p = 2;
    double m = 0;
    double v = 0;
    double[] gradients = {0.5, -3, 0.125};
    for (int t = 1; t <= 3; t++) {
      backend.fill(gradient, gradients[t - 1]);
      backend.adamW(
          new AdamWStep(0.1, 0.9, 0.99, 1e-8, 0.01, 0.5, t), parameter, gradient, first, second);
      double g = gradients[t - 1] / 2;
      m = 0.9 * m + 0.1 * g;
      v = 0.99 * v + 0.01 * g * g;
      double corrected = m / (1 - Math.pow(0.9, t));
      double deviation = Math.sqrt(v / (1 - Math.pow(0.99, t)));
      p = p - 0.1 * 0.01 * p - 0.1 * corrected / (deviation + 1e-8);
      assertEquals(p, Values.read(parameter, 0), 1e-12, "step " + t);
      assertEquals(m, Values.read(first, 0), 1e-15, "step " + t);
      assertEquals(v, Values.read(second, 0), 1e-15, "step " + t);
    }
  }

  @Test
  void sgdFollowsAHandWrittenTrajectory() {
    Tensor parameter = zeros(1);
    Tensor gradient = zeros(1);
    Tensor momentum = zeros(1);
    backend.fill(parameter, 1);
    backend.fill(gradient, 2);
    backend.fill(momentum, Double.NaN);
    // Gradients of 2 scaled by 0.5, no decay: buffers 1, 1.5, 1.75; Nesterov adds half of the
    // buffer to the gradient.
    double[] plain = {0.9, 0.75, 0.575};
    for (int t = 1; t <= 3; t++) {
      backend.sgd(new SgdStep(0.1, 0.5, false, 0, 0.5, t), parameter, gradient, momentum);
      assertEquals(plain[t - 1], Values.read(parameter, 0), 1e-12, "step " + t);
    }
    backend.fill(parameter, 1);
    double[] nesterov = {0.85, 0.675, 0.4875};
    for (int t = 1; t <= 3; t++) {
      backend.sgd(new SgdStep(0.1, 0.5, true, 0, 0.5, t), parameter, gradient, momentum);
      assertEquals(nesterov[t - 1], Values.read(parameter, 0), 1e-12, "step " + t);
    }
    backend.fill(parameter, 1);
    backend.sgd(new SgdStep(0.1, 0, false, 0.5, 0.5, 1), parameter, gradient, momentum);
    assertEquals(0.85, Values.read(parameter, 0), 1e-12);
  }

  @Test
  void conversionsRoundToNearestEven() {
    float[] values = {1.00390625f, 1.01171875f, 3.4e38f, 300.7f, -1};
    Tensor source = backend.allocate(DType.F32, Shape.of(5), Category.WORKSPACE);
    tensors.add(source);
    backend.upload(MemorySegment.ofArray(values), source);
    Tensor half = backend.allocate(DType.BF16, Shape.of(5), Category.WORKSPACE);
    tensors.add(half);
    backend.copy(source, half);
    // Halfway between two BF16: 1 + 1/256 goes down to the even 1, 1 + 3/256 up to the even 1 +
    // 4/256; 3.4e38 rounds to infinity.
    assertArrayEquals(
        new short[] {0x3F80, 0x3F82, 0x7F80, 0x4396, (short) 0xBF80},
        half.segment().toArray(ValueLayout.JAVA_SHORT));
    Tensor bytes = backend.allocate(DType.U8, Shape.of(5), Category.WORKSPACE);
    tensors.add(bytes);
    backend.copy(source, bytes);
    assertArrayEquals(
        new byte[] {1, 1, (byte) 255, (byte) 255, 0},
        bytes.segment().toArray(ValueLayout.JAVA_BYTE));
  }
}
