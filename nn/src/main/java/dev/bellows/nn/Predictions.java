package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Counts the rows whose largest logit is the target's, over all tensor ranks.
final class Predictions {
  /// The largest of a row's logits on one rank, and its class.
  private static final int NUMBERS = 2;

  private Predictions() {}

  /// Rows with a target, and those that are right. `logits` stay in use.
  static Evaluation count(Tape tape, Variable logits, Tensor targets) {
    Tensor own = tape.exchange().ownRows(logits.spread(), targets);
    double[] best = largest(tape.backend(), logits.value());
    Evaluation counted =
        switch (logits.layout()) {
          case WHOLE, ROWS -> count(tape.backend(), best, own);
          case COLUMNS -> count(tape.backend(), largestOfAll(tape, logits, best), own);
        };
    if (logits.layout() != Layout.ROWS) {
      return counted;
    }
    double[] numbers = {counted.rows(), counted.correct()};
    Evaluation all = Evaluation.NONE;
    for (double[] each : tape.exchange().group().gather(numbers)) {
      all = all.plus(new Evaluation(0, (long) each[0], (long) each[1]));
    }
    return all;
  }

  private static Evaluation count(Backend backend, double[] best, Tensor targets) {
    long rows = 0;
    long correct = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment wanted = arena.allocate(Math.max(1, targets.bytes()), Integer.BYTES);
      backend.download(targets, wanted.asSlice(0, targets.bytes()));
      for (int row = 0; row < targets.elements(); row++) {
        int target = wanted.getAtIndex(ValueLayout.JAVA_INT, row);
        if (target >= 0) {
          rows++;
          correct += best[NUMBERS * row + 1] == target ? 1 : 0;
        }
      }
    }
    return new Evaluation(0, rows, correct);
  }

  /// For each row of `logits` the first of the largest, and its column.
  private static double[] largest(Backend backend, Tensor logits) {
    int rows = Math.toIntExact(logits.shape().dim(0));
    long classes = logits.shape().dim(1);
    double[] best = new double[NUMBERS * rows];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(Math.max(1, logits.bytes()), Double.BYTES);
      backend.download(logits, values.asSlice(0, logits.bytes()));
      for (int row = 0; row < rows; row++) {
        long start = row * classes;
        long first = 0;
        for (long i = 1; i < classes; i++) {
          if (element(values, logits.dtype(), start + i)
              > element(values, logits.dtype(), start + first)) {
            first = i;
          }
        }
        best[NUMBERS * row] = element(values, logits.dtype(), start + first);
        best[NUMBERS * row + 1] = first;
      }
    }
    return best;
  }

  private static double element(MemorySegment values, DType dtype, long index) {
    return dtype == DType.F64
        ? values.getAtIndex(ValueLayout.JAVA_DOUBLE, index)
        : values.getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  /// The same over the classes of all ranks, which lie in the order of the ranks.
  private static double[] largestOfAll(Tape tape, Variable logits, double[] mine) {
    TensorGroup group = tape.exchange().group();
    long firstClass = CrossEntropy.part(group, logits).first();
    double[] numbers = mine.clone();
    for (int i = 1; i < numbers.length; i += NUMBERS) {
      numbers[i] += firstClass;
    }
    double[][] all = group.gather(numbers);
    double[] best = all[0].clone();
    for (int rank = 1; rank < all.length; rank++) {
      for (int i = 0; i < best.length; i += NUMBERS) {
        if (all[rank][i] > best[i]) {
          best[i] = all[rank][i];
          best[i + 1] = all[rank][i + 1];
        }
      }
    }
    return best;
  }
}
