package dev.bellows.tensor.cpu;

import dev.bellows.tensor.AdamWStep;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.LionStep;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.SgdStep;
import dev.bellows.tensor.Tensor;

/// Element-wise operations of [CpuBackend] on checked arguments: runs of elements over the [ComputeTeam].
final class ElementwisePass implements AutoCloseable {
  /// Elements of one tile; less runs on the caller alone.
  static final int RUN = 32768;

  /// Elements of a BF16 operand that are widened at once; divides [#RUN].
  private static final int CHUNK = 2048;

  private final ComputeTeam team;
  private final Workspace chunks;

  ElementwisePass(ComputeTeam team, MemoryPool memory) {
    this.team = team;
    this.chunks = new Workspace(memory, team.threads());
  }

  private static long at(Tensor x) {
    return x.segment().address();
  }

  /// The part of an element-wise operation that starts at byte `offset` and has `n` elements of 4 bytes.
  @FunctionalInterface
  private interface Run {
    void run(long offset, int n);
  }

  private void runs(long elements, Run run) {
    int tiles = Math.toIntExact((elements + RUN - 1) / RUN);
    team.run(
        tiles,
        (tile, worker) -> {
          long start = (long) tile * RUN;
          run.run(4 * start, (int) Math.min(RUN, elements - start));
        });
  }

  /// A part of an element-wise operation on BF16: elements `start` to `start + n`, at most [#CHUNK], with room for two chunks of floats.
  @FunctionalInterface
  private interface HalfRun {
    void run(long start, int n, long floats);
  }

  /// Runs an F32 kernel on BF16 elements: a chunk is widened into the first-level cache, computed and rounded. Kernels that did all of it in
  /// one loop were beyond the compiler's budget.
  private void throughFloats(long elements, HalfRun run) {
    chunks.require(8L * CHUNK);
    int tiles = Math.toIntExact((elements + RUN - 1) / RUN);
    team.run(
        tiles,
        (tile, worker) -> {
          long end = Math.min((tile + 1L) * RUN, elements);
          for (long start = (long) tile * RUN; start < end; start += CHUNK) {
            run.run(start, (int) Math.min(CHUNK, end - start), chunks.address(worker));
          }
        });
  }

  void fill(Tensor x, double value) {
    long a = at(x);
    if (x.dtype() == DType.F32) {
      runs(x.elements(), (offset, n) -> ElementwiseKernels.fill(a + offset, n, (float) value));
    } else {
      long bytes = x.dtype().bytes();
      runs(
          x.elements(),
          (offset, n) -> Conversions.fill(x.dtype(), a + offset / 4 * bytes, n, value));
    }
  }

  void copy(Tensor source, Tensor target) {
    DType from = source.dtype();
    DType to = target.dtype();
    long a = at(source);
    long b = at(target);
    runs(
        source.elements(),
        (offset, n) ->
            Conversions.copy(
                from, a + offset / 4 * from.bytes(), to, b + offset / 4 * to.bytes(), n));
  }

  void add(Tensor a, Tensor b, Tensor out) {
    long pa = at(a);
    long pb = at(b);
    long po = at(out);
    runs(
        a.elements(),
        (offset, n) -> ElementwiseKernels.add(pa + offset, pb + offset, po + offset, n));
  }

  void scale(Tensor x, double factor) {
    long a = at(x);
    runs(x.elements(), (offset, n) -> ElementwiseKernels.scale(a + offset, n, (float) factor));
  }

  void gelu(Tensor x, Tensor y) {
    long a = at(x);
    long b = at(y);
    if (x.dtype() == DType.BF16) {
      throughFloats(
          x.elements(),
          (start, n, floats) -> {
            HalfKernels.widen(a + 2 * start, floats, n);
            ElementwiseKernels.gelu(floats, floats, n);
            HalfKernels.narrow(floats, b + 2 * start, n);
          });
      return;
    }
    runs(x.elements(), (offset, n) -> ElementwiseKernels.gelu(a + offset, b + offset, n));
  }

  void geluBackward(Tensor x, Tensor dy, Tensor dx) {
    long a = at(x);
    long b = at(dy);
    long c = at(dx);
    if (x.dtype() == DType.BF16) {
      throughFloats(
          x.elements(),
          (start, n, floats) -> {
            long gradients = floats + 4L * CHUNK;
            HalfKernels.widen(a + 2 * start, floats, n);
            HalfKernels.widen(b + 2 * start, gradients, n);
            ElementwiseKernels.geluBackward(floats, gradients, gradients, n);
            HalfKernels.narrow(gradients, c + 2 * start, n);
          });
      return;
    }
    runs(
        x.elements(),
        (offset, n) -> ElementwiseKernels.geluBackward(a + offset, b + offset, c + offset, n));
  }

  void relu(Tensor x, Tensor y) {
    long a = at(x);
    long b = at(y);
    runs(x.elements(), (offset, n) -> ElementwiseKernels.relu(a + offset, b + offset, n));
  }

  void reluBackward(Tensor y, Tensor dy, Tensor dx) {
    long a = at(y);
    long b = at(dy);
    long c = at(dx);
    runs(
        y.elements(),
        (offset, n) -> ElementwiseKernels.reluBackward(a + offset, b + offset, c + offset, n));
  }

  void adamW(
      AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment) {
    UpdateKernels.AdamWFactors factors = UpdateKernels.AdamWFactors.of(step);
    long p = at(parameter);
    long g = at(gradient);
    long m = at(firstMoment);
    long v = at(secondMoment);
    runs(
        parameter.elements(),
        (offset, n) ->
            UpdateKernels.adamW(factors, p + offset, g + offset, m + offset, v + offset, n));
  }

  void sgd(SgdStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    long p = at(parameter);
    long g = at(gradient);
    long b = at(momentum);
    runs(
        parameter.elements(),
        (offset, n) -> UpdateKernels.sgd(step, p + offset, g + offset, b + offset, n));
  }

  void lion(LionStep step, Tensor parameter, Tensor gradient, Tensor momentum) {
    long p = at(parameter);
    long g = at(gradient);
    long m = at(momentum);
    runs(
        parameter.elements(),
        (offset, n) -> UpdateKernels.lion(step, p + offset, g + offset, m + offset, n));
  }

  @Override
  public void close() {
    chunks.close();
  }
}
