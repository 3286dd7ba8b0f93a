package dev.bellows.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Sequences longer than one chunk of keys, where the running softmax has to rescale.
final class LongAttentionTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 1);

  @Test
  void matchesReferenceOverSeveralChunks() {
    for (boolean causal : new boolean[] {true, false}) {
      Attention spec = new Attention(1, 2 * AttentionPlan.KEY_CHUNK + 70, 2, 1, 8, causal);
      float[][] expected = run(new ReferenceBackend(), spec);
      float[][] actual = run(new CpuBackend(2), spec);
      for (int output = 0; output < expected.length; output++) {
        for (int i = 0; i < expected[output].length; i++) {
          assertEquals(
              expected[output][i],
              actual[output][i],
              2e-5,
              "output " + output + ", element " + i + ", causal " + causal + ", seed " + SEED);
        }
      }
    }
  }

  private static float[][] run(Backend backend, Attention spec) {
    List<Tensor> owned = new ArrayList<>();
    try (backend) {
      long rows = spec.time();
      long width = (long) spec.heads() * spec.headWidth();
      Tensor qkv = normals(backend, owned, "qkv", rows, spec.packedWidth());
      Tensor dout = normals(backend, owned, "dout", rows, width);
      Tensor out = normals(backend, owned, "out", rows, width);
      Tensor logSumExp = normals(backend, owned, "logSumExp", rows * spec.heads());
      Tensor dqkv = normals(backend, owned, "dqkv", rows, spec.packedWidth());
      backend.attention(spec, qkv, out, logSumExp);
      backend.attentionBackward(spec, qkv, out, logSumExp, dout, dqkv);
      float[][] outputs = {floats(backend, out), floats(backend, logSumExp), floats(backend, dqkv)};
      owned.forEach(Tensor::release);
      return outputs;
    }
  }

  private static Tensor normals(Backend backend, List<Tensor> owned, String name, long... dims) {
    Tensor x = backend.allocate(DType.F32, Shape.of(dims), Category.ACTIVATION);
    owned.add(x);
    Philox random = Philox.of(SEED, Philox.Purpose.TEST).derive(name);
    float[] values = new float[Math.toIntExact(x.elements())];
    for (int i = 0; i < values.length; i++) {
      // Scores grow along the sequence, so that later chunks raise the maximum.
      values[i] = (float) (random.normal(i) * (0.5 + 1.5 * i / values.length));
    }
    backend.upload(MemorySegment.ofArray(values), x);
    return x;
  }

  private static float[] floats(Backend backend, Tensor x) {
    float[] values = new float[Math.toIntExact(x.elements())];
    backend.download(x, MemorySegment.ofArray(values));
    return values;
  }
}
