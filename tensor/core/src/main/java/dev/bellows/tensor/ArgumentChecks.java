package dev.bellows.tensor;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;

/// The argument rules of [Backend], one method per operation, shared by the backends so that all refuse the same calls.
///
/// Each method throws an [IllegalArgumentException] that names the operation, the argument and what would be right, and writes
/// nothing. A tensor whose storage was released is an [IllegalStateException]. Immutable.
public final class ArgumentChecks {
  private final Device device;
  private final Set<DType> floating;

  /// The same rules for operations that take BF16 too.
  private final ArgumentChecks withHalf;

  /// Checks for tensors on `device` whose floating dtypes are `floating`.
  public ArgumentChecks(Device device, Set<DType> floating) {
    this.device = device;
    this.floating = Set.copyOf(floating);
    this.withHalf =
        this.floating.contains(DType.BF16) ? this : new ArgumentChecks(device, plusHalf(floating));
  }

  private static Set<DType> plusHalf(Set<DType> floating) {
    Set<DType> more = EnumSet.of(DType.BF16);
    more.addAll(floating);
    return more;
  }

  /// Rules of [Backend#scale], [Backend#sum] and [Backend#squaredNorm]: one floating tensor of any shape.
  public void single(String operation, Tensor x) {
    floating(operation, x);
  }

  /// Rules of [Backend#fill]: any dtype.
  public void fill(Tensor x) {
    present("fill", x);
  }

  /// Rules of [Backend#copy].
  public void copy(Tensor source, Tensor target) {
    present("copy", source);
    present("copy", target);
    if (source.elements() != target.elements()) {
      throw new IllegalArgumentException(
          "copy: source "
              + source
              + " and target "
              + target
              + " differ in their number of elements");
    }
    apart("copy", target, source);
  }

  /// Rules of [Backend#add].
  public void add(Tensor a, Tensor b, Tensor out) {
    alike("add", a, b, out);
    apartOrSame("add", out, a);
    apartOrSame("add", out, b);
  }

  /// Rules of [Backend#relu].
  public void activation(String operation, Tensor x, Tensor y) {
    alike(operation, x, y);
    apart(operation, y, x);
  }

  /// Rules of [Backend#gelu].
  public void gelu(Tensor x, Tensor y) {
    withHalf.activation("gelu", x, y);
  }

  /// Rules of [Backend#geluBackward].
  public void geluBackward(Tensor x, Tensor dy, Tensor dx) {
    withHalf.activationBackward("geluBackward", x, dy, dx);
  }

  /// Rules of [Backend#reluBackward]; `saved` is `y` of the forward pass.
  public void activationBackward(String operation, Tensor saved, Tensor dy, Tensor dx) {
    alike(operation, saved, dy, dx);
    apart(operation, dx, saved);
    apartOrSame(operation, dx, dy);
  }

  /// Rules of [Backend#gemm].
  public void gemm(Gemm spec, Tensor a, Tensor b, Tensor c) {
    if (a.dtype() == DType.BF16) {
      halfOperands("gemm", b, c);
      if (spec.accumulate() && c.dtype() == DType.BF16) {
        throw new IllegalArgumentException(
            "gemm: sums are not accumulated in BF16; c should be F32");
      }
    } else {
      floating("gemm", a, b, c);
    }
    rank("gemm", "a", a, 2);
    rank("gemm", "b", b, 2);
    long m = a.shape().dim(spec.transposeA() ? 1 : 0);
    long k = a.shape().dim(spec.transposeA() ? 0 : 1);
    long n = b.shape().dim(spec.transposeB() ? 0 : 1);
    shape("gemm", "b", b, spec.transposeB() ? new long[] {n, k} : new long[] {k, n});
    shape("gemm", "c", c, m, n);
    apart("gemm", c, a, b);
  }

  /// A product whose first operand is BF16.
  private void halfOperands(String operation, Tensor b, Tensor c) {
    present(operation, b);
    present(operation, c);
    if (b.dtype() != DType.BF16 || (c.dtype() != DType.F32 && c.dtype() != DType.BF16)) {
      throw new IllegalArgumentException(
          operation
              + ": a is BF16, so b should be BF16 and c F32 or BF16, not "
              + b.dtype()
              + " and "
              + c.dtype());
    }
  }

  /// Rules of [Backend#gemmBias].
  public void gemmBias(Gemm spec, Tensor a, Tensor b, Tensor bias, Tensor c) {
    gemm(spec, a, b, c);
    wide("gemmBias", "bias", bias, c);
    shape("gemmBias", "bias", bias, c.shape().dim(1));
    apart("gemmBias", c, bias);
  }

  /// Rules of [Backend#columnSums].
  public void columnSums(Tensor x, Tensor out) {
    withHalf.floating("columnSums", x);
    wide("columnSums", "out", out, x);
    rank("columnSums", "x", x, 2);
    shape("columnSums", "out", out, x.shape().dim(1));
    apart("columnSums", out, x);
  }

  /// Rules of [Backend#layerNorm].
  public void layerNorm(
      Tensor x, Tensor gamma, Tensor beta, Tensor y, Tensor mean, Tensor inverseDeviation) {
    String operation = "layerNorm";
    floating(operation, x, gamma, beta, y, mean, inverseDeviation);
    rank(operation, "x", x, 2);
    long m = x.shape().dim(0);
    long n = x.shape().dim(1);
    shape(operation, "gamma", gamma, n);
    shape(operation, "beta", beta, n);
    shape(operation, "y", y, m, n);
    shape(operation, "mean", mean, m);
    shape(operation, "inverseDeviation", inverseDeviation, m);
    apart(operation, y, x, gamma, beta, mean, inverseDeviation);
    apart(operation, mean, x, gamma, beta, inverseDeviation);
    apart(operation, inverseDeviation, x, gamma, beta);
  }

  /// Rules of [Backend#layerNormBackward].
  public void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor inverseDeviation,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      Tensor dbeta) {
    String operation = "layerNormBackward";
    floating(operation, x, gamma, mean, inverseDeviation, dy, dx, dgamma, dbeta);
    rank(operation, "x", x, 2);
    long m = x.shape().dim(0);
    long n = x.shape().dim(1);
    shape(operation, "gamma", gamma, n);
    shape(operation, "mean", mean, m);
    shape(operation, "inverseDeviation", inverseDeviation, m);
    shape(operation, "dy", dy, m, n);
    shape(operation, "dx", dx, m, n);
    shape(operation, "dgamma", dgamma, n);
    shape(operation, "dbeta", dbeta, n);
    apart(operation, dx, x, gamma, mean, inverseDeviation, dgamma, dbeta);
    apartOrSame(operation, dx, dy);
    apart(operation, dgamma, x, gamma, mean, inverseDeviation, dy, dbeta);
    apart(operation, dbeta, x, gamma, mean, inverseDeviation, dy);
  }

  /// Rules of [Backend#rmsNorm].
  public void rmsNorm(Tensor x, Tensor gamma, Tensor y, Tensor inverseRms) {
    String operation = "rmsNorm";
    floating(operation, x, gamma, y, inverseRms);
    rank(operation, "x", x, 2);
    shape(operation, "gamma", gamma, x.shape().dim(1));
    shape(operation, "y", y, x.shape().dims());
    shape(operation, "inverseRms", inverseRms, x.shape().dim(0));
    apart(operation, y, x, gamma, inverseRms);
    apart(operation, inverseRms, x, gamma);
  }

  /// Rules of [Backend#rmsNormBackward].
  public void rmsNormBackward(
      Tensor x, Tensor gamma, Tensor inverseRms, Tensor dy, Tensor dx, Tensor dgamma) {
    String operation = "rmsNormBackward";
    floating(operation, x, gamma, inverseRms, dy, dx, dgamma);
    rank(operation, "x", x, 2);
    shape(operation, "gamma", gamma, x.shape().dim(1));
    shape(operation, "inverseRms", inverseRms, x.shape().dim(0));
    shape(operation, "dy", dy, x.shape().dims());
    shape(operation, "dx", dx, x.shape().dims());
    shape(operation, "dgamma", dgamma, x.shape().dim(1));
    apart(operation, dx, x, gamma, inverseRms, dgamma);
    apartOrSame(operation, dx, dy);
    apart(operation, dgamma, x, gamma, inverseRms, dy);
  }

  /// Rules of [Backend#swiGlu].
  public void swiGlu(Tensor x, Tensor y) {
    floating("swiGlu", x, y);
    rank("swiGlu", "y", y, 2);
    shape("swiGlu", "x", x, y.shape().dim(0), 2 * y.shape().dim(1));
    apart("swiGlu", y, x);
  }

  /// Rules of [Backend#swiGluBackward].
  public void swiGluBackward(Tensor x, Tensor dy, Tensor dx) {
    String operation = "swiGluBackward";
    floating(operation, x, dy, dx);
    rank(operation, "dy", dy, 2);
    shape(operation, "x", x, dy.shape().dim(0), 2 * dy.shape().dim(1));
    shape(operation, "dx", dx, x.shape().dims());
    apart(operation, dx, x, dy);
  }

  /// Rules of [Backend#rotary].
  public void rotary(Rotary spec, Tensor x, Tensor y) {
    alike("rotary", x, y);
    rank("rotary", "x", x, 2);
    if (x.shape().dim(0) % spec.time() != 0
        || x.shape().dim(1) < (long) spec.heads() * spec.headWidth()) {
      throw new IllegalArgumentException(
          "rotary: x has shape "
              + x.shape()
              + ", expected whole sequences of "
              + spec.time()
              + " rows, each of at least "
              + spec.heads()
              + " heads of "
              + spec.headWidth());
    }
    apartOrSame("rotary", y, x);
  }

  /// Rules of [Backend#embedding], but for the range of the ids.
  public void embedding(Tensor ids, Tensor table, Tensor out) {
    floating("embedding", table, out);
    ids("embedding", "ids", ids);
    rank("embedding", "table", table, 2);
    shape("embedding", "out", out, ids.shape().dim(0), table.shape().dim(1));
    apart("embedding", out, ids, table);
  }

  /// Rules of [Backend#embeddingBackward], but for the range of the ids.
  public void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    floating("embeddingBackward", dout, dtable);
    ids("embeddingBackward", "ids", ids);
    rank("embeddingBackward", "dtable", dtable, 2);
    shape("embeddingBackward", "dout", dout, ids.shape().dim(0), dtable.shape().dim(1));
    apart("embeddingBackward", dtable, ids, dout);
  }

  /// Rules of [Backend#attention].
  public void attention(Attention spec, Tensor qkv, Tensor out, Tensor logSumExp) {
    withHalf.floating("attention", qkv, out);
    wide("attention", "logSumExp", logSumExp, qkv);
    attentionShapes("attention", spec, qkv, out, logSumExp);
    apart("attention", out, qkv, logSumExp);
    apart("attention", logSumExp, qkv);
  }

  /// Rules of [Backend#attentionBackward].
  public void attentionBackward(
      Attention spec, Tensor qkv, Tensor out, Tensor logSumExp, Tensor dout, Tensor dqkv) {
    String operation = "attentionBackward";
    withHalf.floating(operation, qkv, out, dout, dqkv);
    wide(operation, "logSumExp", logSumExp, qkv);
    attentionShapes(operation, spec, qkv, out, logSumExp);
    shape(operation, "dout", dout, out.shape().dims());
    shape(operation, "dqkv", dqkv, qkv.shape().dims());
    apart(operation, dqkv, qkv, out, logSumExp, dout);
  }

  private void attentionShapes(
      String operation, Attention spec, Tensor qkv, Tensor out, Tensor logSumExp) {
    long rows = (long) spec.batch() * spec.time();
    shape(operation, "qkv", qkv, rows, spec.packedWidth());
    shape(operation, "out", out, rows, (long) spec.heads() * spec.headWidth());
    shape(operation, "logSumExp", logSumExp, rows * spec.heads());
  }

  /// Rules of [Backend#convolution].
  public void convolution(Convolution spec, Tensor x, Tensor weight, Tensor bias, Tensor y) {
    String operation = "convolution";
    floating(operation, x, weight, bias, y);
    rank(operation, "x", x, 2);
    image(operation, "x", x, x.shape().dim(0), spec.inElements());
    image(operation, "y", y, x.shape().dim(0), spec.outElements());
    kernel(operation, "weight", weight, spec);
    shape(operation, "bias", bias, spec.outChannels());
    apart(operation, y, x, weight, bias);
  }

  /// Rules of [Backend#convolutionInputGradient].
  public void convolutionInputGradient(Convolution spec, Tensor weight, Tensor dy, Tensor dx) {
    String operation = "convolutionInputGradient";
    floating(operation, weight, dy, dx);
    rank(operation, "dx", dx, 2);
    image(operation, "dx", dx, dx.shape().dim(0), spec.inElements());
    image(operation, "dy", dy, dx.shape().dim(0), spec.outElements());
    kernel(operation, "weight", weight, spec);
    apart(operation, dx, weight, dy);
  }

  /// Rules of [Backend#convolutionWeightGradient].
  public void convolutionWeightGradient(
      Convolution spec, Tensor x, Tensor dy, Tensor dweight, Tensor dbias) {
    String operation = "convolutionWeightGradient";
    floating(operation, x, dy, dweight, dbias);
    rank(operation, "x", x, 2);
    image(operation, "x", x, x.shape().dim(0), spec.inElements());
    image(operation, "dy", dy, x.shape().dim(0), spec.outElements());
    kernel(operation, "dweight", dweight, spec);
    shape(operation, "dbias", dbias, spec.outChannels());
    apart(operation, dweight, x, dy, dbias);
    apart(operation, dbias, x, dy);
  }

  private static void kernel(String operation, String name, Tensor x, Convolution spec) {
    shape(operation, name, x, spec.outChannels(), spec.inChannels(), spec.kernel(), spec.kernel());
  }

  private static void image(String operation, String name, Tensor x, long samples, long elements) {
    shape(operation, name, x, samples, elements);
  }

  /// Rules of [Backend#maxPool].
  public void maxPool(Pooling spec, Tensor x, Tensor y, Tensor places) {
    floating("maxPool", x, y);
    pooled("maxPool", spec, x, y, places);
    apart("maxPool", y, x, places);
    apart("maxPool", places, x);
  }

  /// Rules of [Backend#maxPoolBackward], but for the range of the places.
  public void maxPoolBackward(Pooling spec, Tensor places, Tensor dy, Tensor dx) {
    floating("maxPoolBackward", dy, dx);
    pooled("maxPoolBackward", spec, dx, dy, places);
    apart("maxPoolBackward", dx, dy, places);
  }

  private void pooled(String operation, Pooling spec, Tensor in, Tensor out, Tensor places) {
    present(operation, places);
    if (places.dtype() != DType.I32) {
      throw new IllegalArgumentException(
          operation + ": places have dtype " + places.dtype() + ", expected I32");
    }
    rank(operation, "the input", in, 2);
    image(operation, "the input", in, in.shape().dim(0), spec.inElements());
    image(operation, "the output", out, in.shape().dim(0), spec.outElements());
    image(operation, "places", places, in.shape().dim(0), spec.outElements());
  }

  /// Rules of [Backend#dropout].
  public void dropout(Tensor x, Tensor y) {
    alike("dropout", x, y);
    rank("dropout", "x", x, 2);
    apartOrSame("dropout", y, x);
  }

  /// Rules of [Backend#crossEntropy], but for the range of the targets.
  public void crossEntropy(Tensor logits, Tensor targets, Tensor losses) {
    floating("crossEntropy", logits, losses);
    ids("crossEntropy", "targets", targets);
    rank("crossEntropy", "logits", logits, 2);
    shape("crossEntropy", "targets", targets, logits.shape().dim(0));
    shape("crossEntropy", "losses", losses, logits.shape().dim(0));
    apart("crossEntropy", losses, logits, targets);
  }

  /// Rules of [Backend#crossEntropyWithGradient], but for the range of the targets.
  public void crossEntropyWithGradient(
      Tensor logits, Tensor targets, Tensor losses, Tensor dlogits) {
    crossEntropy(logits, targets, losses);
    alike("crossEntropyWithGradient", logits, dlogits);
    apart("crossEntropyWithGradient", dlogits, targets, losses);
    apartOrSame("crossEntropyWithGradient", dlogits, logits);
  }

  /// Rules of [Backend#embedding] of a part, but for the range of the ids.
  public void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out) {
    embedding(ids, table, out);
    inside("embedding", part, table.shape().dim(0));
  }

  /// Rules of [Backend#embeddingBackward] of a part, but for the range of the ids.
  public void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable) {
    embeddingBackward(ids, dout, dtable);
    inside("embeddingBackward", part, dtable.shape().dim(0));
  }

  /// Rules of [Backend#crossEntropyPart], but for the range of the targets.
  public void crossEntropyPart(
      VocabularyPart part, Tensor logits, Tensor targets, Tensor statistics, Tensor exponentials) {
    String operation = "crossEntropyPart";
    floating(operation, logits, statistics, exponentials);
    ids(operation, "targets", targets);
    rank(operation, "logits", logits, 2);
    shape(operation, "targets", targets, logits.shape().dim(0));
    shape(operation, "statistics", statistics, logits.shape().dim(0), Backend.STATISTICS);
    alike(operation, logits, exponentials);
    inside(operation, part, logits.shape().dim(1));
    apart(operation, statistics, logits, targets, exponentials);
    apart(operation, exponentials, targets);
    apartOrSame(operation, exponentials, logits);
  }

  /// Rules of [Backend#crossEntropyOfParts], but for the range of the targets.
  public void crossEntropyOfParts(Tensor targets, Tensor statistics, Tensor losses) {
    String operation = "crossEntropyOfParts";
    floating(operation, statistics, losses);
    statistics(operation, targets, statistics);
    shape(operation, "losses", losses, targets.shape().dim(0));
    apart(operation, losses, targets, statistics);
  }

  /// Rules of [Backend#crossEntropyOfPartsGradient], but for the range of the targets.
  public void crossEntropyOfPartsGradient(
      VocabularyPart part, Tensor targets, Tensor statistics, Tensor gradient) {
    String operation = "crossEntropyOfPartsGradient";
    floating(operation, statistics, gradient);
    statistics(operation, targets, statistics);
    rank(operation, "gradient", gradient, 2);
    shape(operation, "gradient", gradient, targets.shape().dim(0), gradient.shape().dim(1));
    inside(operation, part, gradient.shape().dim(1));
    if (part.index() >= statistics.shape().dim(0)) {
      throw new IllegalArgumentException(
          operation
              + ": part "
              + part.index()
              + " is not one of the "
              + statistics.shape().dim(0)
              + " of the statistics");
    }
    apart(operation, gradient, targets, statistics);
  }

  private void statistics(String operation, Tensor targets, Tensor statistics) {
    ids(operation, "targets", targets);
    rank(operation, "statistics", statistics, 3);
    shape(
        operation,
        "statistics",
        statistics,
        statistics.shape().dim(0),
        targets.shape().dim(0),
        Backend.STATISTICS);
  }

  private static void inside(String operation, VocabularyPart part, long extent) {
    if (extent > part.total() - part.first()) {
      throw new IllegalArgumentException(
          operation
              + ": "
              + extent
              + " ids from "
              + part.first()
              + " on are more than the vocabulary's "
              + part.total());
    }
  }

  /// Rules of [Backend#adamW].
  public void adamW(Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
    alike("adamW", parameter, gradient, firstMoment, secondMoment);
    apart("adamW", parameter, gradient, firstMoment, secondMoment);
    apart("adamW", firstMoment, gradient, secondMoment);
    apart("adamW", secondMoment, gradient);
  }

  /// Rules of [Backend#sgd].
  public void sgd(Tensor parameter, Tensor gradient, Tensor momentum) {
    alike("sgd", parameter, gradient, momentum);
    apart("sgd", parameter, gradient, momentum);
    apart("sgd", momentum, gradient);
  }

  /// Rules of [Backend#lion].
  public void lion(Tensor parameter, Tensor gradient, Tensor momentum) {
    alike("lion", parameter, gradient, momentum);
    apart("lion", parameter, gradient, momentum);
    apart("lion", momentum, gradient);
  }

  /// Rules of [Backend#factoredMoments].
  public void factoredMoments(Tensor gradient, Tensor rows, Tensor columns) {
    factored("factoredMoments", gradient, rows, columns);
    apart("factoredMoments", rows, gradient, columns);
    apart("factoredMoments", columns, gradient);
  }

  /// Rules of [Backend#factoredUpdate].
  public void factoredUpdate(Tensor gradient, Tensor rows, Tensor columns, Tensor update) {
    factored("factoredUpdate", gradient, rows, columns);
    alike("factoredUpdate", gradient, update);
    apart("factoredUpdate", update, gradient, rows, columns);
  }

  private void factored(String operation, Tensor gradient, Tensor rows, Tensor columns) {
    floating(operation, gradient, rows, columns);
    rank(operation, "gradient", gradient, 2);
    shape(operation, "rows", rows, gradient.shape().dim(0));
    shape(operation, "columns", columns, gradient.shape().dim(1));
  }

  /// Rules of [Backend#upload] and [Backend#download].
  public void transfer(String operation, long hostBytes, Tensor x) {
    present(operation, x);
    if (hostBytes != x.bytes()) {
      throw new IllegalArgumentException(
          operation + ": the host segment has " + hostBytes + " bytes, " + x + " has " + x.bytes());
    }
  }

  private void present(String operation, Tensor x) {
    if (!x.storage().device().equals(device)) {
      throw new IllegalArgumentException(
          operation
              + ": a tensor lies on "
              + x.storage().device()
              + ", not on this backend's "
              + device);
    }
    if (!x.storage().isLive()) {
      throw new IllegalStateException(
          operation + ": a tensor was used after its release: " + x.storage());
    }
  }

  private void floating(String operation, Tensor first, Tensor... others) {
    present(operation, first);
    if (!floating.contains(first.dtype())) {
      throw new IllegalArgumentException(
          operation + ": dtype " + first.dtype() + " is not supported, only " + floating);
    }
    for (Tensor other : others) {
      present(operation, other);
      if (other.dtype() != first.dtype()) {
        throw new IllegalArgumentException(
            operation
                + ": dtypes "
                + first.dtype()
                + " and "
                + other.dtype()
                + " are mixed in one call");
      }
    }
  }

  private void alike(String operation, Tensor first, Tensor... others) {
    floating(operation, first, others);
    for (Tensor other : others) {
      if (!other.shape().equals(first.shape())) {
        throw new IllegalArgumentException(
            operation + ": shapes " + first.shape() + " and " + other.shape() + " should be equal");
      }
    }
  }

  /// `x` has the dtype of `like`, or F32 where that is BF16.
  private void wide(String operation, String name, Tensor x, Tensor like) {
    present(operation, x);
    DType expected = like.dtype() == DType.BF16 ? DType.F32 : like.dtype();
    if (x.dtype() != expected) {
      throw new IllegalArgumentException(
          operation + ": " + name + " has dtype " + x.dtype() + ", expected " + expected);
    }
  }

  private void ids(String operation, String name, Tensor x) {
    present(operation, x);
    if (x.dtype() != DType.I32) {
      throw new IllegalArgumentException(
          operation + ": " + name + " has dtype " + x.dtype() + ", expected I32");
    }
    rank(operation, name, x, 1);
  }

  private static void rank(String operation, String name, Tensor x, int rank) {
    if (x.shape().rank() != rank) {
      throw new IllegalArgumentException(
          operation + ": " + name + " has shape " + x.shape() + ", expected " + rank + " dims");
    }
  }

  private static void shape(String operation, String name, Tensor x, long... dims) {
    if (!Arrays.equals(x.shape().dims(), dims)) {
      throw new IllegalArgumentException(
          operation
              + ": "
              + name
              + " has shape "
              + x.shape()
              + ", expected "
              + Arrays.toString(dims));
    }
  }

  private static void apart(String operation, Tensor output, Tensor... others) {
    for (Tensor other : others) {
      if (overlaps(output, other)) {
        throw new IllegalArgumentException(
            operation + ": an output " + output + " overlaps another argument " + other);
      }
    }
  }

  private static void apartOrSame(String operation, Tensor output, Tensor other) {
    boolean same = output.byteOffset() == other.byteOffset() && output.bytes() == other.bytes();
    if (!same) {
      apart(operation, output, other);
    }
  }

  private static boolean overlaps(Tensor a, Tensor b) {
    return a.storage() == b.storage()
        && a.bytes() > 0
        && b.bytes() > 0
        && a.byteOffset() < b.byteOffset() + b.bytes()
        && b.byteOffset() < a.byteOffset() + a.bytes();
  }
}
