package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;

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
import dev.bellows.tensor.LionStep;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Tensor;
import dev.bellows.tensor.VocabularyPart;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/// The fast backend of host memory, in F32: oneDNN for matrix products, the Vector API for everything else, a [ComputeTeam] for both.
///
/// Results are the same bits for every number of threads, and for interpreted and compiled code. Threads: one caller at a time; it
/// computes too, and keeps its own OpenMP settings.
public final class CpuBackend implements Backend {
  /// At most so many partial sums of row blocks are combined.
  private static final int ROW_BLOCKS = 64;

  private static final int ROWS_AT_LEAST = 32;

  private final int threads;
  private final MemoryPool memory = new MemoryPool(new HostAllocator());
  private final ArgumentChecks checks = new ArgumentChecks(Device.HOST, Set.of(DType.F32));
  private final ComputeTeam team;
  private final Products products;
  private final AttentionPass attention;
  private final RowLayers rowLayers;
  private final ConvolutionPass convolutions;
  private final Workspace partials = new Workspace(memory, 1);
  private final ElementwisePass elementwise;
  private final RowPass rowPass;
  private final VocabularyPass vocabulary;
  private boolean closed;

  /// A backend of `threads` threads, the caller included. The provider has checked the requirements.
  CpuBackend(int threads) {
    this.threads = threads;
    this.team = new ComputeTeam(threads, () -> OneDnn.setOpenMpThreads(1));
    this.products = new Products(team, memory);
    this.elementwise = new ElementwisePass(team, memory);
    this.rowPass = new RowPass(team, partials);
    this.vocabulary = new VocabularyPass(team);
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

  @Override
  public void fill(Tensor x, double value) {
    checks.fill(x);
    elementwise.fill(x, value);
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    checks.copy(source, target);
    elementwise.copy(source, target);
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    checks.add(a, b, out);
    elementwise.add(a, b, out);
  }

  @Override
  public void scale(Tensor x, double factor) {
    checks.single("scale", x);
    elementwise.scale(x, factor);
  }

  @Override
  public void gelu(Tensor x, Tensor y) {
    checks.gelu(x, y);
    elementwise.gelu(x, y);
  }

  @Override
  public void geluBackward(Tensor x, Tensor dy, Tensor dx) {
    checks.geluBackward(x, dy, dx);
    elementwise.geluBackward(x, dy, dx);
  }

  @Override
  public void relu(Tensor x, Tensor y) {
    checks.activation("relu", x, y);
    elementwise.relu(x, y);
  }

  @Override
  public void reluBackward(Tensor y, Tensor dy, Tensor dx) {
    checks.activationBackward("reluBackward", y, dy, dx);
    elementwise.reluBackward(y, dy, dx);
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
      if (c.dtype() == DType.BF16) {
        emptyHalfProduct(bias, at(c), m, n);
      } else {
        emptyProduct(spec.accumulate(), bias, at(c), m, n);
      }
      return;
    }
    GemmShape shape =
        new GemmShape(spec, a.dtype() == DType.BF16, c.dtype() == DType.BF16, m, n, k, bias != 0);
    int before = enterProducts();
    try {
      products.gemm(shape, at(a), at(b), bias, at(c));
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

  private static void emptyHalfProduct(long bias, long c, int m, int n) {
    ALL.asSlice(c, 2L * m * n).fill((byte) 0);
    for (int i = 0; i < m && bias != 0; i++) {
      HalfKernels.narrow(bias, c + 2L * i * n, n);
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
    rowPass.columnSums(x, out, accumulate);
  }

  /// Whether waking the team pays for an operation over `elements` elements.
  static boolean isLarge(long elements) {
    return elements >= ElementwisePass.RUN;
  }

  /// Rows of one tile of a row-wise operation that does not reduce over rows.
  static int tileRows(int n) {
    return Math.max(1, ElementwisePass.RUN / Math.max(1, n));
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
    rowPass.layerNorm(x, gamma, beta, epsilon, y, mean, inverseDeviation);
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
    rowPass.layerNormBackward(x, gamma, mean, inverseDeviation, dy, dx, dgamma, dbeta, accumulate);
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
    rowPass.embedding(ids, table, out, accumulate);
  }

  @Override
  public void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    checks.embeddingBackward(ids, dout, dtable);
    rowPass.embeddingBackward(ids, dout, dtable);
  }

  @Override
  public void attention(Attention spec, Tensor qkv, Tensor out, Tensor logSumExp) {
    checks.attention(spec, qkv, out, logSumExp);
    int before = enterProducts();
    try {
      attention.forward(spec, qkv.dtype() == DType.BF16, at(qkv), at(out), at(logSumExp));
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
      attention.backward(
          spec, qkv.dtype() == DType.BF16, at(qkv), at(out), at(logSumExp), at(dout), at(dqkv));
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
      convolutions.weightGradient(spec, at(x), at(dy), at(dweight), at(dbias), accumulate, rows(x));
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
    rowPass.crossEntropy(loss, logits, targets, losses);
  }

  @Override
  public void crossEntropyWithGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits) {
    checks.crossEntropyWithGradient(logits, targets, losses, dlogits);
    rowPass.crossEntropyWithGradient(loss, logits, targets, scale, losses, dlogits);
  }

  @Override
  public void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out) {
    checks.embedding(part, ids, table, out);
    vocabulary.embedding(part, ids, table, out);
  }

  @Override
  public void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable) {
    checks.embeddingBackward(part, ids, dout, dtable);
    vocabulary.embeddingBackward(part, ids, dout, dtable);
  }

  @Override
  public void crossEntropyPart(
      Loss loss,
      VocabularyPart part,
      Tensor logits,
      Tensor targets,
      Tensor statistics,
      Tensor exponentials) {
    checks.crossEntropyPart(part, logits, targets, statistics, exponentials);
    vocabulary.crossEntropyPart(loss, part, logits, targets, statistics, exponentials);
  }

  @Override
  public void crossEntropyOfParts(
      Loss loss, long total, Tensor targets, Tensor statistics, Tensor losses) {
    checks.crossEntropyOfParts(targets, statistics, losses);
    vocabulary.crossEntropyOfParts(loss, total, targets, statistics, losses);
  }

  @Override
  public void crossEntropyOfPartsGradient(
      Loss loss,
      VocabularyPart part,
      Tensor targets,
      double scale,
      Tensor statistics,
      Tensor gradient) {
    checks.crossEntropyOfPartsGradient(part, targets, statistics, gradient);
    vocabulary.crossEntropyOfPartsGradient(loss, part, targets, scale, statistics, gradient);
  }

  @Override
  public double sum(Tensor x) {
    checks.single("sum", x);
    return rowPass.blockSum(x, false);
  }

  @Override
  public double squaredNorm(Tensor x) {
    checks.single("squaredNorm", x);
    return rowPass.blockSum(x, true);
  }

  @Override
  public void adamW(
      AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
    checks.adamW(parameter, gradient, firstMoment, secondMoment);
    elementwise.adamW(step, parameter, gradient, firstMoment, secondMoment);
  }

  @Override
  public void sgd(SgdStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    checks.sgd(parameter, gradient, momentum);
    elementwise.sgd(step, parameter, gradient, momentum);
  }

  @Override
  public void lion(LionStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    checks.lion(parameter, gradient, momentum);
    elementwise.lion(step, parameter, gradient, momentum);
  }

  @Override
  public void factoredMoments(
      double scale, double weight, Tensor gradient, Tensor rows, Tensor columns) {
    checks.factoredMoments(gradient, rows, columns);
    FactoredMoments.move(team, partials, scale, weight, gradient, rows, columns);
  }

  @Override
  public void factoredUpdate(
      double scale,
      double rowMean,
      double floor,
      Tensor gradient,
      Tensor rows,
      Tensor columns,
      Tensor update) {
    checks.factoredUpdate(gradient, rows, columns, update);
    FactoredMoments.update(team, scale, rowMean, floor, gradient, rows, columns, update);
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
    elementwise.close();
    memory.close();
  }
}
