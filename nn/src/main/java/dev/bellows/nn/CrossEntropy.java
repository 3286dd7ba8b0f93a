package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import dev.bellows.tensor.VocabularyPart;

/// The loss at the end of a tape. Logits that are split by classes are not gathered: each rank says four numbers a row of its classes (Shoeybi et al. 2019).
final class CrossEntropy {
  private CrossEntropy() {}

  /// The sum of the row losses of all ranks; leaves the gradient of `scale` times it when training. Uses `logits` up.
  static double record(Tape tape, Loss loss, Variable logits, Tensor targets, double scale) {
    requireTargets(logits, targets);
    return switch (logits.layout()) {
      case WHOLE -> ofRows(tape, loss, logits, targets, scale);
      case ROWS -> {
        Tensor own = tape.exchange().ownRows(logits.spread(), targets);
        yield tape.exchange().sum(ofRows(tape, loss, logits, own, scale));
      }
      case COLUMNS -> ofClasses(tape, loss, logits, targets, scale);
    };
  }

  private static void requireTargets(Variable logits, Tensor targets) {
    if (logits.layout() != Layout.WHOLE && targets.elements() != logits.spread().rows()) {
      throw new IllegalArgumentException(
          "logits of "
              + logits.spread().rows()
              + " rows need as many targets, not "
              + targets.shape());
    }
  }

  private static double ofRows(
      Tape tape, Loss loss, Variable logits, Tensor targets, double scale) {
    Backend backend = tape.backend();
    try (Tensor losses =
        backend.allocate(logits.dtype(), Shape.of(logits.rows()), Category.ACTIVATION)) {
      if (!tape.isTraining()) {
        backend.crossEntropy(loss, logits.value(), targets, losses);
        tape.release(logits);
        return backend.sum(losses);
      }
      Variable gradient = tape.reuseOrAllocate(logits);
      backend.crossEntropyWithGradient(
          loss, logits.value(), targets, scale, losses, gradient.value());
      tape.contribute(logits, gradient.take());
      tape.release(logits);
      return backend.sum(losses);
    }
  }

  private static double ofClasses(
      Tape tape, Loss loss, Variable logits, Tensor targets, double scale) {
    Backend backend = tape.backend();
    TensorGroup group = tape.exchange().group();
    VocabularyPart part = part(group, logits);
    long rows = logits.rows();
    long numbers = rows * Backend.STATISTICS;
    Shape shape = Shape.of(group.size(), rows, Backend.STATISTICS);
    try (Tensor statistics = backend.allocate(logits.dtype(), shape, Category.ACTIVATION);
        Tensor losses = backend.allocate(logits.dtype(), Shape.of(rows), Category.ACTIVATION)) {
      Tensor own = statistics.slice(group.rank() * numbers, rows, Backend.STATISTICS);
      Variable gradient = tape.reuseOrAllocate(logits);
      backend.crossEntropyPart(loss, part, logits.value(), targets, own, gradient.value());
      group.gatherRows(own.view(1, numbers), statistics.view(group.size(), numbers));
      backend.crossEntropyOfParts(loss, part.total(), targets, statistics, losses);
      if (tape.isTraining()) {
        backend.crossEntropyOfPartsGradient(
            loss, part, targets, scale, statistics, gradient.value());
        tape.contribute(logits, gradient.take());
      } else {
        tape.release(gradient);
      }
      tape.release(logits);
      return backend.sum(losses);
    }
  }

  /// This rank's classes. Errors: [IllegalStateException] in one sentence when they are not one run.
  static VocabularyPart part(TensorGroup group, Variable logits) {
    if (logits.spread().columns().size() != 1) {
      throw new IllegalStateException(
          "a loss takes one run of classes from each tensor rank, but "
              + Exchange.describe(logits)
              + " into "
              + logits.spread().columns());
    }
    long first = logits.spread().columns().getFirst().start();
    return new VocabularyPart(group.rank(), first, logits.spread().width());
  }
}
