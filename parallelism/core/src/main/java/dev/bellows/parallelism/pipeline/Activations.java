package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Layout;
import dev.bellows.nn.Tape;
import dev.bellows.nn.TensorGroup;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;

/// What travels between stages: for each micro-batch the output of a chunk, and its gradient the other way.
///
/// @param dtype that of the parameters
/// @param rows of each micro-batch, on all tensor ranks together
/// @param group the tensor ranks that share a stage; each talks to the one of the same number on the other stage
public record Activations(DType dtype, long rows, TensorGroup group) {
  /// Activations of `rows` rows of stages that are not split any further.
  public Activations(DType dtype, long rows) {
    this(dtype, rows, TensorGroup.single());
  }

  private boolean isSplit() {
    return group.isSequence() && group.size() > 1;
  }

  /// Rows that this rank has of each micro-batch.
  long ownRows() {
    return isSplit() ? group.ownRows(rows) : rows;
  }

  /// What came from the stage before, as the start of `tape`'s recording.
  Variable leaf(Tape tape, Tensor received) {
    return tape.leaf(received, isSplit() ? Layout.ROWS : Layout.WHOLE, rows);
  }
}
