package dev.bellows.tensor.cpu;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Dropout;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import dev.bellows.tensor.VocabularyPart;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import jdk.incubator.vector.VectorOperators;

/// Runs every operation on random data of random awkward sizes and takes a checksum of each output, to compare the bits of two backends or JVMs.
final class Probe {
  /// Name of a checksum that must differ between interpreted and compiled code, or nothing was compared.
  static final String CONTROL = "control";

  private final Backend backend;
  private final Map<String, String> checksums = new LinkedHashMap<>();
  private final List<Tensor> owned = new ArrayList<>();
  private long state;

  private Probe(Backend backend, long seed) {
    this.backend = backend;
    this.state = seed;
  }

  /// Checksums by operation; sizes grow with `scale` (1: a few rows; 16: many tiles).
  static Map<String, String> checksums(Backend backend, long seed, int scale) {
    Probe probe = new Probe(backend, seed);
    try {
      probe.elementwise(scale);
      probe.layers(scale);
      probe.llamaLayers(scale);
      probe.vocabularyParts(scale);
      probe.convolutions(scale);
      probe.products(scale);
      probe.attention(scale);
    } finally {
      probe.owned.forEach(Tensor::release);
    }
    return probe.checksums;
  }

  /// Prints the checksums of one thread; the test compares an interpreting JVM with a compiling one. Arguments: seed, rounds.
  public static void main(String[] arguments) {
    try (Backend backend = new CpuBackend(1)) {
      Map<String, String> last = Map.of();
      for (int round = 0; round < Integer.parseInt(arguments[1]); round++) {
        last = checksums(backend, Long.parseLong(arguments[0]), 1);
        last.put(CONTROL, Integer.toHexString(libraryExponentials()));
      }
      last.forEach((name, sum) -> System.out.println(name + "=" + sum));
    }
  }

  /// Hash of the Vector API's own exp, which is another function when compiled than when interpreted.
  private static int libraryExponentials() {
    int hash = 0;
    for (int i = 0; i < 4000; i++) {
      hash =
          31 * hash
              + Float.floatToRawIntBits(Lanes.all(i * 1e-3f).lanewise(VectorOperators.EXP).lane(1));
    }
    return hash;
  }

  private int size(int bound) {
    return 1 + below(bound);
  }

  /// SplitMix64: Philox would take most of the interpreting JVM's time.
  private long bits() {
    state += 0x9E3779B97F4A7C15L;
    long z = (state ^ (state >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  private int below(int bound) {
    return (int) Long.remainderUnsigned(bits(), bound);
  }

  private Tensor normals(long... dims) {
    Tensor x = backend.allocate(DType.F32, Shape.of(dims), Category.ACTIVATION);
    owned.add(x);
    float[] values = new float[Math.toIntExact(x.elements())];
    for (int i = 0; i < values.length; i++) {
      long bits = bits();
      values[i] = ((bits >> 32) + (bits << 32 >> 32)) * 0x1p-31f;
    }
    backend.upload(MemorySegment.ofArray(values), x);
    return x;
  }

  private Tensor ids(int count, int bound) {
    Tensor x = backend.allocate(DType.I32, Shape.of(count), Category.ACTIVATION);
    owned.add(x);
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = below(bound);
    }
    backend.upload(MemorySegment.ofArray(values), x);
    return x;
  }

  private void record(String name, Tensor... outputs) {
    CRC32C checksum = new CRC32C();
    for (Tensor output : outputs) {
      byte[] bytes = new byte[Math.toIntExact(output.bytes())];
      backend.download(output, MemorySegment.ofArray(bytes));
      checksum.update(bytes);
    }
    checksums.put(name, HexFormat.of().toHexDigits(checksum.getValue()));
  }

  private void elementwise(int scale) {
    int n = 5000 * scale + size(999);
    Tensor x = normals(n);
    Tensor g = normals(n);
    Tensor y = normals(n);
    backend.add(x, g, y);
    record("add", y);
    backend.gelu(x, y);
    record("gelu", y);
    backend.geluBackward(x, g, y);
    record("geluBackward", y);
    backend.relu(x, y);
    record("relu", y);
    backend.reluBackward(x, g, y);
    record("reluBackward", y);
    backend.scale(y, 1.7);
    record("scale", y);
    Tensor half = backend.allocate(DType.BF16, Shape.of(n), Category.ACTIVATION);
    owned.add(half);
    backend.copy(x, half);
    record("copy", half);
    Tensor m = normals(n);
    Tensor v = normals(n);
    backend.relu(g, v);
    backend.adamW(new AdamWStep(1e-3, 0.9, 0.95, 1e-8, 0.1, 0.7, 3), x, g, m, v);
    record("adamW", x, m, v);
    backend.sgd(new SgdStep(1e-2, 0.9, true, 0.1, 0.7, 2), x, g, m);
    record("sgd", x, m);
    checksums.put("sum", Double.toHexString(backend.sum(x)));
    checksums.put("squaredNorm", Double.toHexString(backend.squaredNorm(x)));
  }

  private void layers(int scale) {
    int m = 50 * scale + size(40);
    int n = 100 + size(200);
    Tensor x = normals(m, n);
    Tensor y = normals(m, n);
    Tensor gamma = normals(n);
    Tensor beta = normals(n);
    Tensor mean = normals(m);
    Tensor inverse = normals(m);
    backend.layerNorm(x, gamma, beta, 1e-5, y, mean, inverse);
    record("layerNorm", y, mean, inverse);
    Tensor dx = normals(m, n);
    Tensor dgamma = normals(n);
    backend.layerNormBackward(x, gamma, mean, inverse, y, dx, dgamma, beta, true);
    record("layerNormBackward", dx, dgamma, beta);
    backend.columnSums(x, beta, true);
    record("columnSums", beta);
    Tensor tokens = ids(m, 30);
    Tensor table = normals(30, n);
    backend.embedding(tokens, table, y, true);
    record("embedding", y);
    backend.embeddingBackward(tokens, y, table);
    record("embeddingBackward", table);
    backend.crossEntropy(x, tokens, mean);
    record("crossEntropy", mean);
    backend.crossEntropyWithGradient(x, tokens, 0.3, mean, dx);
    record("crossEntropyWithGradient", mean, dx);
  }

  private void llamaLayers(int scale) {
    int m = 50 * scale;
    int n = 100 + size(200);
    Tensor x = normals(m, n);
    Tensor y = normals(m, n);
    Tensor gamma = normals(n);
    Tensor inverse = normals(m);
    backend.rmsNorm(x, gamma, 1e-5, y, inverse);
    record("rmsNorm", y, inverse);
    Tensor dx = normals(m, n);
    Tensor dgamma = normals(n);
    backend.rmsNormBackward(x, gamma, inverse, y, dx, dgamma, true);
    record("rmsNormBackward", dx, dgamma);
    Tensor packed = normals(m, 2 * n);
    Tensor dpacked = normals(m, 2 * n);
    backend.swiGlu(packed, y);
    record("swiGlu", y);
    backend.swiGluBackward(packed, y, dpacked);
    record("swiGluBackward", dpacked);
    backend.rotary(new Rotary(25, 3, 22 + 2 * below(6), 1e4, false), x, y);
    record("rotary", y);
    backend.dropout(new Dropout(0.3, bits(), below(1000)), x, y);
    record("dropout", y);
    Tensor tokens = ids(m, n);
    backend.crossEntropyWithGradient(new Loss(0.1, 1e-3), x, tokens, 0.3, inverse, dx);
    record("crossEntropyWithGradient smoothed", inverse, dx);
  }

  private void vocabularyParts(int scale) {
    int m = 50 * scale;
    int n = 100 + size(200);
    VocabularyPart part = new VocabularyPart(1, 70, 500);
    Tensor tokens = ids(m, 500);
    Tensor x = normals(m, n);
    Tensor table = normals(n, 40);
    Tensor out = normals(m, 40);
    backend.embedding(part, tokens, table, out);
    backend.embeddingBackward(part, tokens, out, table);
    record("embedding of a part", out, table);
    Tensor statistics = normals(2, m, Backend.STATISTICS);
    Tensor exponentials = normals(m, n);
    Loss loss = new Loss(0.1, 1e-3);
    long numbers = (long) m * Backend.STATISTICS;
    for (int index = 0; index < 2; index++) {
      Tensor own = statistics.slice(index * numbers, m, Backend.STATISTICS);
      backend.crossEntropyPart(
          loss, part, index == 0 ? normals(m, n) : x, tokens, own, exponentials);
    }
    Tensor losses = normals(m);
    backend.crossEntropyOfParts(loss, 500, tokens, statistics, losses);
    backend.crossEntropyOfPartsGradient(loss, part, tokens, 0.3, statistics, exponentials);
    record("crossEntropyOfParts", statistics, losses, exponentials);
  }

  private void convolutions(int scale) {
    for (Convolution spec :
        List.of(
            new Convolution(2, 8, 13 + below(20), 5, 3, 1, 1),
            new Convolution(1, 9, 13 + below(20), 4, 5, 2, 0))) {
      int m = 2 * scale + below(3);
      Tensor x = normals(m, spec.inElements());
      Tensor y = normals(m, spec.outElements());
      Tensor weight = normals(spec.outChannels(), spec.inChannels(), spec.kernel(), spec.kernel());
      Tensor bias = normals(spec.outChannels());
      backend.convolution(spec, x, weight, bias, y);
      record("convolution " + spec.stride(), y);
      Tensor dx = normals(m, spec.inElements());
      backend.convolutionInputGradient(spec, weight, y, dx);
      record("convolutionInputGradient " + spec.stride(), dx);
      backend.convolutionWeightGradient(spec, x, y, weight, bias, true);
      record("convolutionWeightGradient " + spec.stride(), weight, bias);
      Pooling pooling = new Pooling(spec.inChannels(), spec.height(), spec.width(), 2, 2);
      Tensor pooled = normals(m, pooling.outElements());
      Tensor places = ids(m * pooling.outElements(), 1).view(m, pooling.outElements());
      backend.maxPool(pooling, x, pooled, places);
      record("maxPool " + spec.stride(), pooled, places);
      backend.maxPoolBackward(pooling, places, pooled, dx);
      record("maxPoolBackward " + spec.stride(), dx);
    }
  }

  private void products(int scale) {
    for (Gemm spec : List.of(Gemm.NN, Gemm.NT, Gemm.TN, new Gemm(true, true, false))) {
      int m = 30 * scale + size(60);
      int n = 60 + size(150);
      int k = 10 * scale + size(60);
      Tensor a = spec.transposeA() ? normals(k, m) : normals(m, k);
      Tensor b = spec.transposeB() ? normals(n, k) : normals(k, n);
      Tensor c = normals(m, n);
      backend.gemm(spec, a, b, c);
      backend.gemm(spec.accumulating(true), a, b, c);
      record("gemm " + spec, c);
      backend.gemmBias(spec, a, b, normals(n), c);
      record("gemmBias " + spec, c);
    }
  }

  private void attention(int scale) {
    for (Attention spec :
        List.of(
            new Attention(2, 20 * scale + size(20), 4, 2, 8 + size(9), true),
            new Attention(1, 36 * scale + size(40), 3, 3, 16, false))) {
      long rows = (long) spec.batch() * spec.time();
      Tensor qkv = normals(rows, spec.packedWidth());
      Tensor dqkv = normals(rows, spec.packedWidth());
      Tensor out = normals(rows, (long) spec.heads() * spec.headWidth());
      Tensor dout = normals(rows, (long) spec.heads() * spec.headWidth());
      Tensor logSumExp = normals(rows * spec.heads());
      backend.attention(spec, qkv, out, logSumExp);
      record("attention " + spec.causal(), out, logSumExp);
      backend.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
      record("attentionBackward " + spec.causal(), dqkv);
    }
  }
}
