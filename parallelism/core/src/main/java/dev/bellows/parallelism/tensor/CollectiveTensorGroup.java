package dev.bellows.parallelism.tensor;

import dev.bellows.nn.TensorGroup;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.Slices;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// A [TensorGroup] over the [Collectives] of the tensor axis.
///
/// Sums are F32, in rank order, the same bits on every rank; rows travel in the dtype that they have, BF16 where they are operands of a product. After the
/// first micro-batch of a shape nothing is allocated but by [#gather]. Errors: those of [Collectives]. Threads: one at a time, as the collectives.
public final class CollectiveTensorGroup implements TensorGroup {
  /// Shapes whose slices are kept; a training run has a handful.
  private static final int KEPT = 64;

  private record Rows(long rows, long width, Slices slices) {}

  private final Collectives collectives;
  private final boolean sequence;
  private final List<Rows> known = new ArrayList<>();

  /// The group of the ranks of `tensorAxis`, which stays the caller's; `sequence`: with sequence parallelism.
  public CollectiveTensorGroup(Collectives tensorAxis, boolean sequence) {
    this.collectives = tensorAxis;
    this.sequence = sequence;
  }

  /// The collectives of the tensor axis.
  Collectives collectives() {
    return collectives;
  }

  @Override
  public int rank() {
    return collectives.rank();
  }

  @Override
  public int size() {
    return collectives.worldSize();
  }

  @Override
  public boolean isSequence() {
    return sequence;
  }

  @Override
  public void sum(Tensor x) {
    collectives.allReduceSum(x);
  }

  @Override
  public void gatherRows(Tensor mine, Tensor all) {
    collectives.allGather(mine, slices(all), all);
  }

  @Override
  public void scatterRows(Tensor all, Tensor mine) {
    collectives.reduceScatter(all, slices(all), mine);
  }

  @Override
  public double[][] gather(double[] mine) {
    return collectives.allGather(mine);
  }

  /// The ranks' rows of `all` [rows, width], in elements.
  private Slices slices(Tensor all) {
    long rows = all.shape().dim(0);
    long width = all.shape().dim(1);
    for (int i = 0; i < known.size(); i++) {
      Rows each = known.get(i);
      if (each.rows() == rows && each.width() == width) {
        return each.slices();
      }
    }
    if (known.size() == KEPT) {
      known.clear();
    }
    long[] lengths = new long[size()];
    for (int rank = 0; rank < lengths.length; rank++) {
      lengths[rank] = (firstRow(rows, rank + 1) - firstRow(rows, rank)) * width;
    }
    Rows added = new Rows(rows, width, Slices.of(lengths));
    known.add(added);
    return added.slices();
  }
}
