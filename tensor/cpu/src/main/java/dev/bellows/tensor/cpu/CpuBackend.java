package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.ArgumentChecks;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Device;
import dev.bellows.tensor.Dropout;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.HostAllocator;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// The fast backend of host memory, in F32: oneDNN for matrix products, the Vector API for everything else, a [ComputeTeam] for both.
///
/// Results are the same bits for every number of threads, and for interpreted and compiled code. Threads: one caller at a time; it
/// computes too, and keeps its own OpenMP settings.
public final class CpuBackend implements Backend {
  /// Elements of one tile of an element-wise operation; less runs on the caller alone.
  private static final int RUN = 32768;

  /// At most so many partial sums of row blocks are combined.
  private static final int ROW_BLOCKS = 64;

  private static final int ROWS_AT_LEAST = 32;
  private static final int BLOCKS_PER_TILE = 8;

  private final int threads;
  private final MemoryPool memory = new MemoryPool(new HostAllocator());
  private final ArgumentChecks checks = new ArgumentChecks(Device.HOST, Set.of(DType.F32));
  private final ComputeTeam team;
  private final Products products;
  private final AttentionPass attention;
  private final RowLayers rowLayers;
  private final ConvolutionPass convolutions;
  private final Workspace partials = new Workspace(memory, 1);
  private boolean closed;

  /// A backend of `threads` threads, the caller included. The provider has checked the requirements.
  CpuBackend(int threads) {
    this.threads = threads;
    this.team = new ComputeTeam(threads, () -> OneDnn.setOpenMpThreads(1));
    this.products = new Products(team, memory);
    this.attention = new AttentionPass(team, products, memory);
    this.rowLayers = new RowLayers(team, memory);
    this.convolutions = new ConvolutionPass(team, memory);
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "cpu "
        + CpuRequirements.model()
        + ", "
        + OneDnn.instructionSet()
        + ", oneDNN "
        + OneDnn.version()
        + ", "
        + Lanes.FLOATS.vectorBitSize()
        + "-bit vectors, "
        + threads
        + (threads == 1 ? " thread" : " threads");
  }

  @Override
  public String fingerprint() {
    return "cpu "
        + OneDnn.instructionSet()
        + " onednn-"
        + OneDnn.version()
        + " vector-"
        + Lanes.FLOATS.vectorBitSize()
        + " tiles-"
        + TileGrid.VERSION;
  }

  @Override
  public Set<DType> productTypes() {
    return OneDnn.multipliesBf16() ? Set.of(DType.F32, DType.BF16) : Set.of(DType.F32);
  }

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public MemoryPool memory() {
    return memory;
  }

  private static long at(Tensor x) {
    return x.segment().address();
  }

  /// The part of an element-wise operation that starts at byte `offset` and has `n` elements of 4 bytes.
  @FunctionalInterface
  private interface Run {
    void run(long offset, int n);
  }

  private void elementwise(long elements, Run run) {
    int tiles = Math.toIntExact((elements + RUN - 1) / RUN);
    team.run(
        tiles,
        (tile, worker) -> {
          long start = (long) tile * RUN;
          run.run(4 * start, (int) Math.min(RUN, elements - start));
        });
  }

  @Override
  public void fill(Tensor x, double value) {
    checks.fill(x);
    long a = at(x);
    if (x.dtype() == DType.F32) {
      elementwise(
          x.elements(), (offset, n) -> ElementwiseKernels.fill(a + offset, n, (float) value));
    } else {
      long bytes = x.dtype().bytes();
      elementwise(
          x.elements(),
          (offset, n) -> Conversions.fill(x.dtype(), a + offset / 4 * bytes, n, value));
    }
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    checks.copy(source, target);
    DType from = source.dtype();
    DType to = target.dtype();
    long a = at(source);
    long b = at(target);
    elementwise(
        source.elements(),
        (offset, n) ->
            Conversions.copy(
                from, a + offset / 4 * from.bytes(), to, b + offset / 4 * to.bytes(), n));
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    checks.add(a, b, out);
    long pa = at(a);
    long pb = at(b);
    long po = at(out);
    elementwise(
        a.elements(),
        (offset, n) -> ElementwiseKernels.add(pa + offset, pb + offset, po + offset, n));
  }

  @Override
  public void scale(Tensor x, double factor) {
    checks.single("scale", x);
    long a = at(x);
    elementwise(
        x.elements(), (offset, n) -> ElementwiseKernels.scale(a + offset, n, (float) factor));
  }

  @Override
  public void gelu(Tensor x, Tensor y) {
    checks.activation("gelu", x, y);
    long a = at(x);
    long b = at(y);
    elementwise(x.elements(), (offset, n) -> ElementwiseKernels.gelu(a + offset, b + offset, n));
  }

  @Override
  public void geluBackward(Tensor x, Tensor dy, Tensor dx) {
    checks.activationBackward("geluBackward", x, dy, dx);
    long a = at(x);
    long b = at(dy);
    long c = at(dx);
    elementwise(
        x.elements(),
        (offset, n) -> ElementwiseKernels.geluBackward(a + offset, b + offset, c + offset, n));
  }

  @Override
  public void relu(Tensor x, Tensor y) {
    checks.activation("relu", x, y);
    long a = at(x);
    long b = at(y);
    elementwise(x.elements(), (offset, n) -> ElementwiseKernels.relu(a + offset, b + offset, n));
  }

  @Override
  public void reluBackward(Tensor y, Tensor dy, Tensor dx) {
    checks.activationBackward("reluBackward", y, dy, dx);
    long a = at(y);
    long b = at(dy);
    long c = at(dx);
    elementwise(
        y.elements(),
        (offset, n) -> ElementwiseKernels.reluBackward(a + offset, b + offset, c + offset, n));
  }

  @Override
  public void gemm(Gemm spec, Tensor a, Tensor b, Tensor c) {
    checks.gemm(spec, a, b, c);
    product(spec, a, b, 0, c);
  }

  @Override
  public void gemmBias(Gemm spec, Tensor a, Tensor b, Tensor bias, Tensor c) {
    checks.gemmBias(spec, a, b, bias, c);
    product(spec, a, b, at(bias), c);
  }

  private void product(Gemm spec, Tensor a, Tensor b, long bias, Tensor c) {
    int m = Math.toIntExact(c.shape().dim(0));
    int n = Math.toIntExact(c.shape().dim(1));
    int k = Math.toIntExact(a.shape().dim(spec.transposeA() ? 0 : 1));
    if (m == 0 || n == 0) {
      return;
    }
    if (k == 0) {
      emptyProduct(spec.accumulate(), bias, at(c), m, n);
      return;
    }
    int before = enterProducts();
    try {
      products.gemm(spec, a.dtype() == DType.BF16, m, n, k, at(a), at(b), bias, at(c));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  /// A product over no terms is zero, and oneDNN refuses it.
  private static void emptyProduct(boolean accumulate, long bias, long c, int m, int n) {
    for (int i = 0; i < m; i++) {
      long row = c + 4L * i * n;
      if (!accumulate) {
        ElementwiseKernels.fill(row, n, 0f);
      }
      if (bias != 0) {
        ElementwiseKernels.add(row, bias, row, n);
      }
    }
  }

  /// Prepares the calling thread for oneDNN; returns the size of its OpenMP team, to be set again afterwards.
  private int enterProducts() {
    if (products.isFull()) {
      attention.forget();
      products.forget();
    }
    return OneDnn.setOpenMpThreads(1);
  }

  /// Rows of one block of a reduction over `m` rows.
  static int blockRows(int m) {
    return Math.max(ROWS_AT_LEAST, TileGrid.ceilDivide(m, ROW_BLOCKS));
  }

  @Override
  public void columnSums(Tensor x, Tensor out, boolean accumulate) {
    checks.columnSums(x, out);
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = blockRows(m);
    int blocks = TileGrid.ceilDivide(m, rows);
    partials.require(Math.max(64, 4L * blocks * n));
    long sums = partials.address(0);
    long a = at(x);
    team.run(
        (long) m * n >= RUN,
        blocks,
        (tile, worker) -> {
          int first = tile * rows;
          ReductionKernels.columns(
              a + 4L * first * n, Math.min(rows, m - first), n, sums + 4L * tile * n);
        });
    ReductionKernels.combine(sums, blocks, n, n, at(out), accumulate);
  }

  /// Whether waking the team pays for an operation over `elements` elements.
  static boolean isLarge(long elements) {
    return elements >= RUN;
  }

  /// Rows of one tile of a row-wise operation that does not reduce over rows.
  static int tileRows(int n) {
    return Math.max(1, RUN / Math.max(1, n));
  }

  @Override
  public void layerNorm(
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor mean,
      Tensor inverseDeviation) {
    checks.layerNorm(x, gamma, beta, y, mean, inverseDeviation);
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          NormKernels.forward(
              at(x) + at,
              at(gamma),
              at(beta),
              epsilon,
              at(y) + at,
              at(mean) + 4L * first,
              at(inverseDeviation) + 4L * first,
              Math.min(rows, m - first),
              n);
        });
  }

  @Override
  public void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor inverseDeviation,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      Tensor dbeta,
      boolean accumulate) {
    checks.layerNormBackward(x, gamma, mean, inverseDeviation, dy, dx, dgamma, dbeta);
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = blockRows(m);
    int blocks = TileGrid.ceilDivide(m, rows);
    partials.require(Math.max(64, 8L * blocks * n));
    long sums = partials.address(0);
    team.run(
        (long) m * n >= RUN,
        blocks,
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          long block = sums + 8L * tile * n;
          NormKernels.backward(
              at(x) + at,
              at(gamma),
              at(mean) + 4L * first,
              at(inverseDeviation) + 4L * first,
              at(dy) + at,
              at(dx) + at,
              block,
              block + 4L * n,
              Math.min(rows, m - first),
              n);
        });
    ReductionKernels.combine(sums, blocks, 2 * n, n, at(dgamma), accumulate);
    ReductionKernels.combine(sums + 4L * n, blocks, 2 * n, n, at(dbeta), accumulate);
  }

  private static int rows(Tensor x) {
    return Math.toIntExact(x.shape().dim(0));
  }

  private static int width(Tensor x) {
    return Math.toIntExact(x.shape().dim(1));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverseRms) {
    checks.rmsNorm(x, gamma, y, inverseRms);
    rowLayers.rmsNorm(at(x), at(gamma), epsilon, at(y), at(inverseRms), rows(x), width(x));
  }

  @Override
  public void rmsNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor inverseRms,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      boolean accumulate) {
    checks.rmsNormBackward(x, gamma, inverseRms, dy, dx, dgamma);
    rowLayers.rmsNormBackward(
        at(x),
        at(gamma),
        at(inverseRms),
        at(dy),
        at(dx),
        at(dgamma),
        accumulate,
        rows(x),
        width(x));
  }

  @Override
  public void swiGlu(Tensor x, Tensor y) {
    checks.swiGlu(x, y);
    rowLayers.swiGlu(at(x), at(y), rows(y), width(y));
  }

  @Override
  public void swiGluBackward(Tensor x, Tensor dy, Tensor dx) {
    checks.swiGluBackward(x, dy, dx);
    rowLayers.swiGluBackward(at(x), at(dy), at(dx), rows(dy), width(dy));
  }

  @Override
  public void rotary(Rotary spec, Tensor x, Tensor y) {
    checks.rotary(spec, x, y);
    rowLayers.rotary(spec, at(x), at(y), rows(x), width(x));
  }

  @Override
  public void embedding(Tensor ids, Tensor table, Tensor out, boolean accumulate) {
    checks.embedding(ids, table, out);
    EmbeddingKernels.verifyIds("embedding", ids, table.shape().dim(0), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(table.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          EmbeddingKernels.gather(
              at(ids) + 4L * first,
              at(table),
              at(out) + 4L * first * n,
              Math.min(rows, m - first),
              n,
              accumulate);
        });
  }

  @Override
  public void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    checks.embeddingBackward(ids, dout, dtable);
    EmbeddingKernels.verifyIds("embeddingBackward", ids, dtable.shape().dim(0), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(dtable.shape().dim(1));
    // Ranges of columns: rows that hit the same id are added in order by one thread.
    int width = (long) m * n < RUN ? Math.max(1, n) : 64;
    team.run(
        TileGrid.ceilDivide(n, width),
        (tile, worker) -> {
          long column = 4L * tile * width;
          EmbeddingKernels.scatterAdd(
              at(ids),
              at(dout) + column,
              at(dtable) + column,
              m,
              n,
              Math.min(width, n - tile * width));
        });
  }

  @Override
  public void attention(Attention spec, Tensor qkv, Tensor out, Tensor logSumExp) {
    checks.attention(spec, qkv, out, logSumExp);
    int before = enterProducts();
    try {
      attention.forward(spec, at(qkv), at(out), at(logSumExp));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  @Override
  public void attentionBackward(
      Attention spec, Tensor qkv, Tensor out, Tensor logSumExp, Tensor dout, Tensor dqkv) {
    checks.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
    int before = enterProducts();
    try {
      attention.backward(spec, at(qkv), at(out), at(logSumExp), at(dout), at(dqkv));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  @Override
  public void convolution(Convolution spec, Tensor x, Tensor weight, Tensor bias, Tensor y) {
    checks.convolution(spec, x, weight, bias, y);
    int before = enterProducts();
    try {
      convolutions.forward(spec, at(x), at(weight), at(bias), at(y), rows(x));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  @Override
  public void convolutionInputGradient(Convolution spec, Tensor weight, Tensor dy, Tensor dx) {
    checks.convolutionInputGradient(spec, weight, dy, dx);
    int before = enterProducts();
    try {
      convolutions.inputGradient(spec, at(weight), at(dy), at(dx), rows(dx));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  @Override
  public void convolutionWeightGradient(
      Convolution spec, Tensor x, Tensor dy, Tensor dweight, Tensor dbias, boolean accumulate) {
    checks.convolutionWeightGradient(spec, x, dy, dweight, dbias);
    int before = enterProducts();
    try {
      convolutions.weightGradient(
          spec, at(x), at(dy), at(dweight), at(dbias), accumulate, rows(x));
    } finally {
      OneDnn.setOpenMpThreads(before);
    }
  }

  @Override
  public void maxPool(Pooling spec, Tensor x, Tensor y, Tensor places) {
    checks.maxPool(spec, x, y, places);
    convolutions.maxPool(spec, at(x), at(y), at(places), rows(x));
  }

  @Override
  public void maxPoolBackward(Pooling spec, Tensor places, Tensor dy, Tensor dx) {
    checks.maxPoolBackward(spec, places, dy, dx);
    convolutions.maxPoolBackward(spec, at(places), at(dy), at(dx), rows(dx));
  }

  @Override
  public void dropout(Dropout spec, Tensor x, Tensor y) {
    checks.dropout(x, y);
    rowLayers.dropout(spec, at(x), at(y), rows(x), width(x));
  }

  @Override
  public void crossEntropy(Loss loss, Tensor logits, Tensor targets, Tensor losses) {
    checks.crossEntropy(logits, targets, losses);
    int n = Math.toIntExact(logits.shape().dim(1));
    int m = Math.toIntExact(logits.shape().dim(0));
    EmbeddingKernels.verifyIds("crossEntropy", targets, n, true);
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          SoftmaxKernels.crossEntropy(
              loss,
              at(logits) + 4L * first * n,
              at(targets) + 4L * first,
              at(losses) + 4L * first,
              Math.min(rows, m - first),
              n);
        });
  }

  @Override
  public void crossEntropyWithGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits) {
    checks.crossEntropyWithGradient(logits, targets, losses, dlogits);
    int n = Math.toIntExact(logits.shape().dim(1));
    int m = Math.toIntExact(logits.shape().dim(0));
    EmbeddingKernels.verifyIds("crossEntropyWithGradient", targets, n, true);
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          SoftmaxKernels.crossEntropyWithGradient(
              loss,
              at(logits) + at,
              at(targets) + 4L * first,
              (float) scale,
              at(losses) + 4L * first,
              at(dlogits) + at,
              Math.min(rows, m - first),
              n);
        });
  }

  @Override
  public double sum(Tensor x) {
    checks.single("sum", x);
    return blockSum(x, false);
  }

  @Override
  public double squaredNorm(Tensor x) {
    checks.single("squaredNorm", x);
    return blockSum(x, true);
  }

  private double blockSum(Tensor x, boolean squares) {
    long elements = x.elements();
    int blocks = Math.toIntExact((elements + BLOCK - 1) / BLOCK);
    partials.require(Math.max(64, 8L * blocks));
    long sums = partials.address(0);
    long a = at(x);
    team.run(
        TileGrid.ceilDivide(blocks, BLOCKS_PER_TILE),
        (tile, worker) -> {
          for (int block = tile * BLOCKS_PER_TILE;
              block < Math.min(blocks, (tile + 1) * BLOCKS_PER_TILE);
              block++) {
            long start = (long) block * BLOCK;
            int n = (int) Math.min(BLOCK, elements - start);
            double sum =
                squares
                    ? ReductionKernels.squaredNorm(a + 4 * start, n)
                    : ReductionKernels.sum(a + 4 * start, n);
            ALL.set(JAVA_DOUBLE, sums + 8L * block, sum);
          }
        });
    double total = 0;
    for (int block = 0; block < blocks; block++) {
      total += ALL.get(JAVA_DOUBLE, sums + 8L * block);
    }
    return total;
  }

  @Override
  public void adamW(
      AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
    checks.adamW(parameter, gradient, firstMoment, secondMoment);
    UpdateKernels.AdamWFactors factors = UpdateKernels.AdamWFactors.of(step);
    long p = at(parameter);
    long g = at(gradient);
    long m = at(firstMoment);
    long v = at(secondMoment);
    elementwise(
        parameter.elements(),
        (offset, n) ->
            UpdateKernels.adamW(factors, p + offset, g + offset, m + offset, v + offset, n));
  }

  @Override
  public void sgd(SgdStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    checks.sgd(parameter, gradient, momentum);
    long p = at(parameter);
    long g = at(gradient);
    long b = at(momentum);
    elementwise(
        parameter.elements(),
        (offset, n) -> UpdateKernels.sgd(step, p + offset, g + offset, b + offset, n));
  }

  @Override
  public void upload(MemorySegment host, Tensor x) {
    checks.transfer("upload", host.byteSize(), x);
    x.segment().copyFrom(host);
  }

  @Override
  public void download(Tensor x, MemorySegment host) {
    checks.transfer("download", host.byteSize(), x);
    host.copyFrom(x.segment());
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    team.close();
    attention.close();
    products.close();
    rowLayers.close();
    convolutions.close();
    partials.close();
    memory.close();
  }
}
