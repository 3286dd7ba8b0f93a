package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.function.Consumer;

/// What the operations of a [Tape] exchange with the other tensor ranks, in tensors of the pool.
final class Exchange {
  private final Backend backend;
  private final TensorGroup group;

  Exchange(Backend backend, TensorGroup group) {
    this.backend = backend;
    this.group = group;
  }

  TensorGroup group() {
    return group;
  }

  /// Whether there are other ranks.
  boolean isSplit() {
    return group.size() > 1;
  }

  /// Whether branches are summed into a rank's own rows.
  boolean isSequence() {
    return isSplit() && group.isSequence();
  }

  /// The spread of a value [rows, width] that is a sum over ranks.
  Spread summed(long rows, long width) {
    return isSequence() ? Spread.rows(rows, width) : Spread.whole(rows, width);
  }

  /// First of this rank's rows of a value of `spread`.
  long firstRow(Spread spread) {
    return spread.isRows() ? group.firstRow(spread.rows(), group.rank()) : 0;
  }

  /// This rank's rows of `all`, a tensor with an entry for each row of a value of `spread`, or all of it; borrowed.
  Tensor ownRows(Spread spread, Tensor all) {
    return spread.isRows() ? all.slice(firstRow(spread), group.ownRows(spread.rows())) : all;
  }

  /// All rows of a value of `spread`, of which this rank has `mine`: owned by the caller. A value that is not split by rows is there already.
  Tensor gatherRows(Spread spread, Tensor mine) {
    if (!spread.isRows()) {
      return mine.retain();
    }
    return filled(
        mine.dtype(),
        Shape.of(spread.rows(), mine.shape().dim(1)),
        all -> group.gatherRows(mine, all));
  }

  /// The sum of all ranks' `part` [rows, width], spread as `spread` says: owned by the caller, who gives `part` up.
  Tensor sum(Spread spread, Tensor part) {
    try (part) {
      if (!spread.isRows()) {
        group.sum(part);
        return part.retain();
      }
      return filled(
          part.dtype(),
          Shape.of(group.ownRows(spread.rows()), part.shape().dim(1)),
          mine -> group.scatterRows(part, mine));
    }
  }

  /// A new tensor of what `exchange` writes; nothing is left behind when a peer is lost.
  private Tensor filled(DType dtype, Shape shape, Consumer<Tensor> exchange) {
    Tensor tensor = backend.allocate(dtype, shape, Category.ACTIVATION);
    try {
      exchange.accept(tensor);
      return tensor;
    } catch (RuntimeException | Error e) {
      tensor.release();
      throw e;
    }
  }

  /// The sum over the ranks, in rank order.
  double sum(double mine) {
    double sum = 0;
    for (double[] each : group.gather(new double[] {mine})) {
      sum += each[0];
    }
    return sum;
  }

  /// Refuses a value that is split by columns, which `operation` cannot take.
  void requireAllColumns(String operation, Variable x) {
    if (x.spread().isColumns()) {
      throw new IllegalStateException(
          operation
              + " takes values whose rows are complete, but "
              + describe(x)
              + "; a row-parallel layer would come before it");
    }
  }

  /// Refuses a value of which this rank has a part only.
  void requireWhole(String operation, Variable x) {
    if (x.layout() != Layout.WHOLE) {
      throw new IllegalStateException(
          operation + " cannot be shared by tensor ranks, but " + describe(x));
    }
  }

  /// Refuses the use of a parameter that every rank has on whole values while ranks see their own rows only: its gradient, which is summed over the ranks then,
  /// would be too large by their number.
  void requireOwnRows(Parameter parameter, Spread spread) {
    if (isSequence() && parameter.split() == Split.REPLICATED && !spread.isRows()) {
      throw new IllegalStateException(
          parameter
              + " is used on a value that is "
              + spread.layout()
              + ", but with sequence parallelism a parameter that every tensor rank has is used on"
              + " rows that are split");
    }
  }

  static String describe(Variable x) {
    return "a value [" + x.spread().rows() + ", " + x.spread().width() + "] is " + x.layout();
  }
}
