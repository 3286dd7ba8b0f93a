package dev.bellows.tensor.cpu;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;

/// Prints milliseconds of each kernel at a GPT's shapes (rows 4096, width 384), and GFLOP/s of its products. Run by hand; no test.
///
/// Arguments: the numbers of threads, by default `1 2`. Times are best and median of at least 15 calls after a warm-up. With one
/// thread, `-Dbellows.timings.cpu=true` counts the thread's CPU time, which a busy machine disturbs less.
public final class CpuKernelTimings {
  private static final int ROWS = 4096;
  private static final int WIDTH = 384;
  private static final long CALL_NANOS = 400_000_000;
  private static final long WARM_NANOS =
      Long.getLong("bellows.timings.warm.millis", 200) * 1_000_000;
  private static final com.sun.management.ThreadMXBean THREADS =
      (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final boolean CPU_TIME = Boolean.getBoolean("bellows.timings.cpu");

  private final Backend backend;

  private CpuKernelTimings(Backend backend) {
    this.backend = backend;
  }

  /// Times everything for each number of threads.
  public static void main(String[] arguments) {
    int[] threads =
        arguments.length == 0
            ? new int[] {1, 2}
            : Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
    for (int count : threads) {
      Backend backend = new CpuBackend(count);
      System.out.println("== " + backend.description());
      CpuKernelTimings timings = new CpuKernelTimings(backend);
      if (!Boolean.getBoolean("bellows.timings.small")) {
        timings.products();
      }
      timings.attention();
      timings.layers();
      timings.elementwise();
    }
  }

  private Tensor tensor(long... dims) {
    Tensor x = backend.allocate(DType.F32, Shape.of(dims), Category.ACTIVATION);
    for (long i = 0; i < x.elements(); i++) {
      x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) ((i * 7919) % 1000) / 500f - 1f);
    }
    return x;
  }

  private Tensor ids(int count, int bound) {
    Tensor x = backend.allocate(DType.I32, Shape.of(count), Category.ACTIVATION);
    for (int i = 0; i < count; i++) {
      x.segment().setAtIndex(ValueLayout.JAVA_INT, i, (int) ((i * 7919L) % bound));
    }
    return x;
  }

  private static long now() {
    return CPU_TIME ? THREADS.getCurrentThreadCpuTime() : System.nanoTime();
  }

  private static long allocated() {
    return THREADS.getCurrentThreadAllocatedBytes();
  }

  private double time(String name, double flops, Runnable call) {
    long warm = System.nanoTime();
    int warmed = 0;
    while (warmed < 50 || System.nanoTime() - warm < WARM_NANOS) {
      call.run();
      warmed++;
    }
    double[] millis = new double[20000];
    int calls = 0;
    long allocated = allocated();
    long start = System.nanoTime();
    while (calls < 15 || (System.nanoTime() - start < CALL_NANOS && calls < millis.length)) {
      long from = now();
      call.run();
      millis[calls++] = (now() - from) / 1e6;
    }
    long garbage = allocated() - allocated;
    double[] sorted = Arrays.copyOf(millis, calls);
    Arrays.sort(sorted);
    String rate =
        flops == 0
            ? ""
            : String.format(
                Locale.ROOT,
                "  best %4.0f median %4.0f GFLOP/s",
                flops / sorted[0] / 1e6,
                flops / sorted[calls / 2] / 1e6);
    System.out.printf(
        Locale.ROOT,
        "%-44s best %8.4f median %8.4f ms, %6d bytes of garbage%s%n",
        name,
        sorted[0],
        sorted[calls / 2],
        garbage / calls,
        rate);
    return sorted[0];
  }

  private void products() {
    for (int[] size : new int[][] {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384}, {384, 65}}) {
      int in = size[0];
      int out = size[1];
      Tensor x = tensor(ROWS, in);
      Tensor w = tensor(out, in);
      Tensor bias = tensor(out);
      Tensor y = tensor(ROWS, out);
      double flops = 2.0 * ROWS * in * out;
      String name = in + "->" + out;
      time("forward " + name, flops, () -> backend.gemmBias(Gemm.NT, x, w, bias, y));
      time("dX      " + name, flops, () -> backend.gemm(Gemm.NN, y, w, x));
      time("dW      " + name, flops, () -> backend.gemm(Gemm.TN, y, x, w));
      Tensor xHalf = half(x);
      Tensor wHalf = half(w);
      Tensor yHalf = half(y);
      time("bf16 forward " + name, flops, () -> backend.gemmBias(Gemm.NT, xHalf, wHalf, bias, y));
      time("bf16 dX      " + name, flops, () -> backend.gemm(Gemm.NN, yHalf, wHalf, x));
      time("bf16 dW      " + name, flops, () -> backend.gemm(Gemm.TN, yHalf, xHalf, w));
      time("to bf16 4096x" + in, 0, () -> backend.copy(x, xHalf));
    }
  }

  private Tensor half(Tensor x) {
    Tensor copy = backend.allocate(DType.BF16, x.shape(), Category.ACTIVATION);
    backend.copy(x, copy);
    return copy;
  }

  private void attention() {
    Attention spec = new Attention(16, 256, 6, 6, 64, true);
    Tensor qkv = tensor(ROWS, spec.packedWidth());
    Tensor dqkv = tensor(ROWS, spec.packedWidth());
    Tensor out = tensor(ROWS, WIDTH);
    Tensor dout = tensor(ROWS, WIDTH);
    Tensor logSumExp = tensor(ROWS * 6);
    time("attention forward 16x6x256x64", 0, () -> backend.attention(spec, qkv, out, logSumExp));
    time(
        "attention backward 16x6x256x64",
        0,
        () -> backend.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv));
  }

  private void layers() {
    Tensor x = tensor(ROWS, WIDTH);
    Tensor y = tensor(ROWS, WIDTH);
    Tensor gamma = tensor(WIDTH);
    Tensor beta = tensor(WIDTH);
    Tensor mean = tensor(ROWS);
    Tensor inverse = tensor(ROWS);
    Tensor dgamma = tensor(WIDTH);
    time(
        "layer norm forward 4096x384",
        0,
        () -> backend.layerNorm(x, gamma, beta, 1e-5, y, mean, inverse));
    time(
        "layer norm backward 4096x384",
        0,
        () -> backend.layerNormBackward(x, gamma, mean, inverse, y, y, dgamma, beta, false));
    time("column sums 4096x384", 0, () -> backend.columnSums(x, beta, false));
    Tensor wide = tensor(ROWS, 4 * WIDTH);
    Tensor wideOut = tensor(4 * WIDTH);
    time("column sums 4096x1536", 0, () -> backend.columnSums(wide, wideOut, false));
    Tensor tokens = ids(ROWS, 65);
    Tensor table = tensor(65, WIDTH);
    time("embedding 4096x384", 0, () -> backend.embedding(tokens, table, y, false));
    time("embedding backward 4096x384", 0, () -> backend.embeddingBackward(tokens, y, table));
    crossEntropy(ROWS, 65);
    crossEntropy(256, 50304);
  }

  private void crossEntropy(int rows, int vocabulary) {
    Tensor logits = tensor(rows, vocabulary);
    Tensor dlogits = tensor(rows, vocabulary);
    Tensor targets = ids(rows, vocabulary);
    Tensor losses = tensor(rows);
    time(
        "cross-entropy with gradient " + rows + "x" + vocabulary,
        0,
        () -> backend.crossEntropyWithGradient(logits, targets, 1e-3, losses, dlogits));
  }

  private void elementwise() {
    Tensor a = tensor(ROWS, WIDTH);
    Tensor b = tensor(ROWS, WIDTH);
    Tensor c = tensor(ROWS, WIDTH);
    time("residual add 4096x384", 0, () -> backend.add(a, b, c));
    Tensor half = backend.allocate(DType.BF16, Shape.of(ROWS, WIDTH), Category.ACTIVATION);
    time("f32 to bf16 4096x384", 0, () -> backend.copy(a, half));
    Tensor x = tensor(ROWS, 4 * WIDTH);
    Tensor y = tensor(ROWS, 4 * WIDTH);
    Tensor z = tensor(ROWS, 4 * WIDTH);
    time("gelu 4096x1536", 0, () -> backend.gelu(x, y));
    time("gelu backward 4096x1536", 0, () -> backend.geluBackward(x, y, z));
    Tensor p = tensor(10_800_000);
    Tensor g = tensor(10_800_000);
    Tensor m = tensor(10_800_000);
    Tensor v = tensor(10_800_000);
    backend.fill(v, 0.1);
    AdamWStep step = new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 1, 10);
    time("adamW 10.8M", 0, () -> backend.adamW(step, p, g, m, v));
    time("squared norm 10.8M", 0, () -> backend.squaredNorm(g));
    Tensor tiny = tensor(1000);
    time("scale 1000 elements", 0, () -> backend.scale(tiny, 1.0));
    Tensor three = tensor(100_000);
    time("scale 100,000 elements", 0, () -> backend.scale(three, 1.0));
  }
}
