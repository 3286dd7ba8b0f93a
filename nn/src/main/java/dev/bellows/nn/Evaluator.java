package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Measures a model on batches, without gradients. Threads: one at a time, the backend's caller.
public final class Evaluator {
  private final Backend backend;
  private final Model model;

  /// An evaluator of `model`, whose parameters lie on `backend`.
  public Evaluator(Backend backend, Model model) {
    this.backend = backend;
    this.model = model;
  }

  /// Loss and accuracy on `batch`, which stays the caller's.
  public Evaluation evaluate(Batch batch) {
    try (Tape tape = Tape.evaluating(backend)) {
      Variable logits = model.logits(tape, batch);
      Evaluation counted = count(logits.value(), batch.targets());
      double lossSum = tape.crossEntropy(logits, batch.targets(), 1);
      return new Evaluation(lossSum, counted.rows(), counted.correct());
    }
  }

  private Evaluation count(Tensor logits, Tensor targets) {
    long rows = 0;
    long correct = 0;
    long classes = logits.shape().dim(1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(logits.bytes(), Double.BYTES);
      MemorySegment wanted = arena.allocate(targets.bytes(), Integer.BYTES);
      backend.download(logits, values);
      backend.download(targets, wanted);
      for (long row = 0; row < logits.shape().dim(0); row++) {
        int target = wanted.getAtIndex(ValueLayout.JAVA_INT, row);
        if (target >= 0) {
          rows++;
          correct += largest(values, logits.dtype(), row * classes, classes) == target ? 1 : 0;
        }
      }
    }
    return new Evaluation(0, rows, correct);
  }

  /// Index of the first of the largest of `count` elements from `start` on.
  private static long largest(MemorySegment values, DType dtype, long start, long count) {
    long best = 0;
    for (long i = 1; i < count; i++) {
      if (element(values, dtype, start + i) > element(values, dtype, start + best)) {
        best = i;
      }
    }
    return best;
  }

  private static double element(MemorySegment values, DType dtype, long index) {
    return dtype == DType.F64
        ? values.getAtIndex(ValueLayout.JAVA_DOUBLE, index)
        : values.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }
}
