package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Unit;
import java.util.List;
import java.util.function.IntConsumer;

/// A model chunk as its stage trains it.
///
/// @param units what it computes, in forward order
/// @param store its parameters ([ModelCut#parameters]), borrowed: a group of micro-batches may end in one chunk before it ends in another, so each has
///     gradients of its own
/// @param endGroup is given the number of each group in ascending order, when the store's gradients hold the group's sum; afterwards they may be
///     overwritten. For example a reducer's `endGroup`
public record PipelineChunk(List<Unit> units, ParameterStore store, IntConsumer endGroup) {
  public PipelineChunk {
    units = List.copyOf(units);
  }
}
