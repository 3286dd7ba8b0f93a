package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// The ranks that share the layers of a model, and what they exchange while a [Tape] runs: tensor parallelism (Shoeybi et al. 2019), and with
/// [#isSequence] sequence parallelism (Korthikanti et al. 2022).
///
/// All ranks run the same model on the same micro-batches and so enter the same calls in the same order. Rows of a value are dealt as evenly as
/// possible, the first ranks get one more. Each call blocks until this rank's part is done. Tensors are borrowed for the call and lie in the memory that the
/// implementation can reach. Errors: those of the implementation. Threads: the tape's.
public interface TensorGroup {
  /// This rank, 0 to [#size] - 1.
  int rank();

  /// Number of ranks.
  int size();

  /// Whether norms, dropout and sums of branches see a rank's own rows only.
  boolean isSequence();

  /// Sums `x` over the ranks in rank order and leaves the sum, the same bits, in `x` on every rank. F32 where there are several ranks.
  void sum(Tensor x);

  /// Gives every rank all rows, of which this one brings `mine`. Shapes: `mine` [own rows, width], `all` [rows, width], of any one dtype; `mine` may be the
  /// own rows of `all`.
  void gatherRows(Tensor mine, Tensor all);

  /// Sums `all` over the ranks in rank order and leaves to each its own rows of the sum. Shapes: `all` [rows, width], `mine` [own rows, width], F32 where
  /// there are several ranks. The contents of `all` are undefined afterwards.
  void scatterRows(Tensor all, Tensor mine);

  /// Gives every rank every rank's `mine`, indexed by rank; meant for a few numbers.
  double[][] gather(double[] mine);

  /// First row of `rank` among `rows` rows; that of rank [#size] is `rows`.
  default long firstRow(long rows, int rank) {
    return rank * (rows / size()) + Math.min(rank, rows % size());
  }

  /// Number of rows of this rank among `rows` rows.
  default long ownRows(long rows) {
    return firstRow(rows, rank() + 1) - firstRow(rows, rank());
  }

  /// One rank that exchanges nothing.
  static TensorGroup single() {
    return SingleTensorGroup.INSTANCE;
  }
}
