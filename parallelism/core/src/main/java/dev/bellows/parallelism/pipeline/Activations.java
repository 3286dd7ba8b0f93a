package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Sharding;
import dev.bellows.nn.Spread;
import dev.bellows.nn.TensorGroup;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;

/// What travels between the stages of `cut`: for each micro-batch the output of a chunk, and its gradient the other way.
///
/// @param cut the model's units by chunk
/// @param dtype that of the parameters
/// @param rows of each micro-batch, on all tensor ranks together
/// @param group the tensor ranks that share a stage; each talks to the one of the same number on the other stage
/// @param sharding what this one holds of each parameter
public record Activations(
    ModelCut cut, DType dtype, long rows, TensorGroup group, Sharding sharding) {
  /// Activations of `rows` rows of stages that are not split any further.
  public Activations(ModelCut cut, DType dtype, long rows) {
    this(cut, dtype, rows, TensorGroup.single(), Sharding.WHOLE);
  }

  /// How what `chunk`, not the first, takes from the chunk before is spread over the tensor ranks.
  Spread spread(int chunk) {
    return Spread.handedOn(
        group,
        sharding,
        cut.units(chunk).getFirst().parameters().getFirst(),
        rows,
        cut.width(chunk - 1));
  }

  /// Shape of what this tensor rank has of it.
  Shape ownShape(int chunk) {
    return spread(chunk).localShape(group);
  }
}
