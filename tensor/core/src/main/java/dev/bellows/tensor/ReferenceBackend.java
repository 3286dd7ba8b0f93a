package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;

/// The scalar oracle: one thread, plain loops, F32 and F64 tensors in host memory.
///
/// Every operation reads its inputs as doubles, computes in double by the textbook formula, and rounds once when it stores. It is made to
/// be checked by eye, not to be fast, and it refuses every call that breaks the contract of [Backend]. Transcendental
/// functions come from [StrictMath], so equal inputs give equal bits on every machine. Threads: one caller at a time.
public final class ReferenceBackend implements Backend {
  private static final double GELU_SCALE = StrictMath.sqrt(2 / Math.PI);
  private static final double GELU_CUBIC = 0.044715;

  private final MemoryPool memory = new MemoryPool(new HostAllocator());
  private final ArgumentChecks checks =
      new ArgumentChecks(Device.HOST, Set.of(DType.F32, DType.F64));

  @Override
  public String name() {
    return "reference";
  }

  @Override
  public String description() {
    return "reference: scalar oracle in double precision, 1 thread, host memory";
  }

  @Override
  public String fingerprint() {
    return "reference 1";
  }

  @Override
  public Device device() {
    return Device.HOST;
  }

  @Override
  public MemoryPool memory() {
    return memory;
  }

  @Override
  public void fill(Tensor x, double value) {
    checks.fill(x);
    for (long i = 0; i < x.elements(); i++) {
      Values.write(value, x, i);
    }
  }

  @Override
  public void copy(Tensor source, Tensor target) {
    checks.copy(source, target);
    boolean integers = !source.dtype().isFloating() && !target.dtype().isFloating();
    for (long i = 0; i < source.elements(); i++) {
      if (integers) {
        Values.writeLong(Values.readLong(source, i), target, i);
      } else {
        Values.write(Values.read(source, i), target, i);
      }
    }
  }

  @Override
  public void add(Tensor a, Tensor b, Tensor out) {
    checks.add(a, b, out);
    zip(a, b, out, Double::sum);
  }

  @Override
  public void scale(Tensor x, double factor) {
    checks.single("scale", x);
    map(x, x, value -> value * factor);
  }

  @Override
  public void gelu(Tensor x, Tensor y) {
    checks.gelu(x, y);
    map(x, y, value -> 0.5 * value * (1 + StrictMath.tanh(geluArgument(value))));
  }

  @Override
  public void geluBackward(Tensor x, Tensor dy, Tensor dx) {
    checks.geluBackward(x, dy, dx);
    zip(x, dy, dx, (value, gradient) -> gradient * geluDerivative(value));
  }

  private static double geluArgument(double x) {
    return GELU_SCALE * (x + GELU_CUBIC * x * x * x);
  }

  private static double geluDerivative(double x) {
    double tanh = StrictMath.tanh(geluArgument(x));
    return 0.5 * (1 + tanh)
        + 0.5 * x * (1 - tanh * tanh) * GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);
  }

  @Override
  public void relu(Tensor x, Tensor y) {
    checks.activation("relu", x, y);
    map(x, y, value -> Math.max(value, 0));
  }

  @Override
  public void reluBackward(Tensor y, Tensor dy, Tensor dx) {
    checks.activationBackward("reluBackward", y, dy, dx);
    zip(y, dy, dx, (value, gradient) -> value > 0 ? gradient : 0);
  }

  private static void map(Tensor x, Tensor y, DoubleUnaryOperator function) {
    for (long i = 0; i < x.elements(); i++) {
      Values.write(function.applyAsDouble(Values.read(x, i)), y, i);
    }
  }

  private static void zip(Tensor a, Tensor b, Tensor out, DoubleBinaryOperator function) {
    for (long i = 0; i < a.elements(); i++) {
      Values.write(function.applyAsDouble(Values.read(a, i), Values.read(b, i)), out, i);
    }
  }

  @Override
  public Set<DType> productTypes() {
    return Set.of(DType.F32, DType.BF16);
  }

  @Override
  public void gemm(Gemm spec, Tensor a, Tensor b, Tensor c) {
    checks.gemm(spec, a, b, c);
    Values.write(product(spec, a, b, c, new double[(int) c.shape().dim(1)]), c, spec.accumulate());
  }

  @Override
  public void gemmBias(Gemm spec, Tensor a, Tensor b, Tensor bias, Tensor c) {
    checks.gemmBias(spec, a, b, bias, c);
    Values.write(product(spec, a, b, c, Values.read(bias)), c, spec.accumulate());
  }

  private static double[] product(Gemm spec, Tensor a, Tensor b, Tensor c, double[] bias) {
    int m = (int) c.shape().dim(0);
    int n = (int) c.shape().dim(1);
    int k = (int) a.shape().dim(spec.transposeA() ? 0 : 1);
    double[] left = Values.read(a);
    double[] right = Values.read(b);
    double[] product = new double[Math.multiplyExact(m, n)];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) {
          sum +=
              left[spec.transposeA() ? l * m + i : i * k + l]
                  * right[spec.transposeB() ? j * k + l : l * n + j];
        }
        product[i * n + j] = sum + bias[j];
      }
    }
    return product;
  }

  @Override
  public void columnSums(Tensor x, Tensor out, boolean accumulate) {
    checks.columnSums(x, out);
    int n = (int) x.shape().dim(1);
    double[] values = Values.read(x);
    double[] sums = new double[n];
    for (int i = 0; i < values.length; i++) {
      sums[i % n] += values[i];
    }
    Values.write(sums, out, accumulate);
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
    ReferenceLayers.layerNorm(x, gamma, beta, epsilon, y, mean, inverseDeviation);
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
    ReferenceLayers.layerNormBackward(
        x, gamma, mean, inverseDeviation, dy, dx, dgamma, dbeta, accumulate);
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverseRms) {
    checks.rmsNorm(x, gamma, y, inverseRms);
    ReferenceLlamaLayers.rmsNorm(x, gamma, epsilon, y, inverseRms);
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
    ReferenceLlamaLayers.rmsNormBackward(x, gamma, inverseRms, dy, dx, dgamma, accumulate);
  }

  @Override
  public void swiGlu(Tensor x, Tensor y) {
    checks.swiGlu(x, y);
    ReferenceLlamaLayers.swiGlu(x, y);
  }

  @Override
  public void swiGluBackward(Tensor x, Tensor dy, Tensor dx) {
    checks.swiGluBackward(x, dy, dx);
    ReferenceLlamaLayers.swiGluBackward(x, dy, dx);
  }

  @Override
  public void rotary(Rotary spec, Tensor x, Tensor y) {
    checks.rotary(spec, x, y);
    ReferenceLlamaLayers.rotary(spec, x, y);
  }

  @Override
  public void embedding(Tensor ids, Tensor table, Tensor out, boolean accumulate) {
    checks.embedding(ids, table, out);
    ReferenceLayers.embedding(ids, table, out, accumulate);
  }

  @Override
  public void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    checks.embeddingBackward(ids, dout, dtable);
    ReferenceLayers.embeddingBackward(ids, dout, dtable);
  }

  @Override
  public void attention(Attention spec, Tensor qkv, Tensor out, Tensor logSumExp) {
    checks.attention(spec, qkv, out, logSumExp);
    new ReferenceAttention(spec).forward(qkv, out, logSumExp);
  }

  @Override
  public void attentionBackward(
      Attention spec, Tensor qkv, Tensor out, Tensor logSumExp, Tensor dout, Tensor dqkv) {
    checks.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
    new ReferenceAttention(spec).backward(qkv, out, logSumExp, dout, dqkv);
  }

  @Override
  public void convolution(Convolution spec, Tensor x, Tensor weight, Tensor bias, Tensor y) {
    checks.convolution(spec, x, weight, bias, y);
    new ReferenceConvolution(spec).forward(x, weight, bias, y);
  }

  @Override
  public void convolutionInputGradient(Convolution spec, Tensor weight, Tensor dy, Tensor dx) {
    checks.convolutionInputGradient(spec, weight, dy, dx);
    new ReferenceConvolution(spec).inputGradient(weight, dy, dx);
  }

  @Override
  public void convolutionWeightGradient(
      Convolution spec, Tensor x, Tensor dy, Tensor dweight, Tensor dbias, boolean accumulate) {
    checks.convolutionWeightGradient(spec, x, dy, dweight, dbias);
    new ReferenceConvolution(spec).weightGradient(x, dy, dweight, dbias, accumulate);
  }

  @Override
  public void maxPool(Pooling spec, Tensor x, Tensor y, Tensor places) {
    checks.maxPool(spec, x, y, places);
    ReferenceConvolution.maxPool(spec, x, y, places);
  }

  @Override
  public void maxPoolBackward(Pooling spec, Tensor places, Tensor dy, Tensor dx) {
    checks.maxPoolBackward(spec, places, dy, dx);
    ReferenceConvolution.maxPoolBackward(spec, places, dy, dx);
  }

  @Override
  public void dropout(Dropout spec, Tensor x, Tensor y) {
    checks.dropout(x, y);
    ReferenceDropout.dropout(spec, x, y);
  }

  @Override
  public void crossEntropy(Loss loss, Tensor logits, Tensor targets, Tensor losses) {
    checks.crossEntropy(logits, targets, losses);
    ReferenceLayers.crossEntropy(loss, logits, targets, losses);
  }

  @Override
  public void crossEntropyWithGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits) {
    checks.crossEntropyWithGradient(logits, targets, losses, dlogits);
    // The losses first: the gradient may overwrite the logits.
    ReferenceLayers.crossEntropy(loss, logits, targets, losses);
    ReferenceLayers.crossEntropyGradient(loss, logits, targets, scale, dlogits);
  }

  @Override
  public void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out) {
    checks.embedding(part, ids, table, out);
    ReferenceVocabulary.embedding(part, ids, table, out);
  }

  @Override
  public void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable) {
    checks.embeddingBackward(part, ids, dout, dtable);
    ReferenceVocabulary.embeddingBackward(part, ids, dout, dtable);
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
    ReferenceVocabulary.crossEntropyPart(loss, part, logits, targets, statistics, exponentials);
  }

  @Override
  public void crossEntropyOfParts(
      Loss loss, long total, Tensor targets, Tensor statistics, Tensor losses) {
    checks.crossEntropyOfParts(targets, statistics, losses);
    ReferenceVocabulary.crossEntropyOfParts(loss, total, targets, statistics, losses);
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
    ReferenceVocabulary.crossEntropyOfPartsGradient(
        loss, part, targets, scale, statistics, gradient);
  }

  @Override
  public double sum(Tensor x) {
    checks.single("sum", x);
    return blockSum(x, value -> value);
  }

  @Override
  public double squaredNorm(Tensor x) {
    checks.single("squaredNorm", x);
    return blockSum(x, value -> value * value);
  }

  private static double blockSum(Tensor x, DoubleUnaryOperator function) {
    double total = 0;
    for (long start = 0; start < x.elements(); start += BLOCK) {
      double block = 0;
      for (long i = start; i < Math.min(start + BLOCK, x.elements()); i++) {
        block += function.applyAsDouble(Values.read(x, i));
      }
      total += block;
    }
    return total;
  }

  @Override
  public void adamW(
      AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
    checks.adamW(parameter, gradient, firstMoment, secondMoment);
    double correction1 = 1 - StrictMath.pow(step.beta1(), step.step());
    double correction2 = 1 - StrictMath.pow(step.beta2(), step.step());
    for (long i = 0; i < parameter.elements(); i++) {
      double g = step.gradientScale() * Values.read(gradient, i);
      double p = Values.read(parameter, i) * (1 - step.learningRate() * step.weightDecay());
      double m = step.beta1() * Values.read(firstMoment, i) + (1 - step.beta1()) * g;
      double v = step.beta2() * Values.read(secondMoment, i) + (1 - step.beta2()) * g * g;
      double denominator = StrictMath.sqrt(v) / StrictMath.sqrt(correction2) + step.epsilon();
      Values.write(p - step.learningRate() / correction1 * m / denominator, parameter, i);
      Values.write(m, firstMoment, i);
      Values.write(v, secondMoment, i);
    }
  }

  @Override
  public void sgd(SgdStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    checks.sgd(parameter, gradient, momentum);
    for (long i = 0; i < parameter.elements(); i++) {
      double p = Values.read(parameter, i);
      double g = step.gradientScale() * Values.read(gradient, i) + step.weightDecay() * p;
      double buffer =
          step.step() == 1 || step.momentum() == 0
              ? g
              : step.momentum() * Values.read(momentum, i) + g;
      double direction = step.nesterov() ? g + step.momentum() * buffer : buffer;
      Values.write(p - step.learningRate() * direction, parameter, i);
      Values.write(buffer, momentum, i);
    }
  }

  @Override
  public void lion(LionStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    checks.lion(parameter, gradient, momentum);
    ReferenceUpdates.lion(step, parameter, gradient, momentum);
  }

  @Override
  public void factoredMoments(
      double scale, double weight, Tensor gradient, Tensor rows, Tensor columns) {
    checks.factoredMoments(gradient, rows, columns);
    ReferenceUpdates.factoredMoments(scale, weight, gradient, rows, columns);
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
    ReferenceUpdates.factoredUpdate(scale, rowMean, floor, gradient, rows, columns, update);
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
    memory.close();
  }
}
