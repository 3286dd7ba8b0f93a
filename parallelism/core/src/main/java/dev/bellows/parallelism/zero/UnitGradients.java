package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterBinding;
import dev.bellows.nn.ParameterStore;
import dev.bellows.parallelism.zero.GroupDeal.Step;
import dev.bellows.parallelism.zero.UnitLayout.Placed;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/// The gradient sums of a group, unit by unit: each lives from the unit's first backward pass of the group to the end of its last one, when it goes to
/// the owners of its slices. Owns them meanwhile. Threads: one at a time.
final class UnitGradients implements AutoCloseable {
  private final Backend backend;
  private final ZeroLayout layout;
  private final SliceSums sums;
  private final List<Optional<Tensor>> held;

  UnitGradients(Backend backend, ZeroLayout layout, SliceSums sums) {
    this.backend = backend;
    this.layout = layout;
    this.sums = sums;
    this.held = new ArrayList<>(Collections.nCopies(layout.units().size(), Optional.empty()));
  }

  /// The sums of `unit` begin.
  void begin(int unit) {
    UnitLayout parts = layout.units().get(unit);
    Tensor buffer =
        backend.allocate(DType.F32, Shape.of(parts.gradientElements()), Category.GRADIENT);
    held.set(unit, Optional.of(buffer));
    parts.values().forEach(placed -> begin(placed, buffer));
    parts.uses().forEach(placed -> begin(placed, buffer));
  }

  private void begin(Placed placed, Tensor buffer) {
    Parameter parameter = placed.parameter();
    long elements = layout.shape(parameter).elements();
    long padding = ParameterStore.placed(elements) - elements;
    if (padding > 0) {
      backend.fill(buffer.slice(placed.offset() + elements, padding), 0);
    }
    ParameterBinding.beginSum(
        parameter, buffer.slice(placed.offset(), layout.shape(parameter).dims()));
  }

  /// The sums of `unit` are complete, on a rank that has begun none because it has no group in this `round`, too: all ranks call alike.
  void end(int unit, List<Step> round) {
    UnitLayout parts = layout.units().get(unit);
    Optional<Tensor> buffer = held.get(unit);
    if (buffer.isPresent()) {
      parts.values().forEach(placed -> ParameterBinding.endSum(backend, placed.parameter()));
      parts.uses().forEach(placed -> ParameterBinding.endSum(backend, placed.parameter()));
    }
    parts.regions().forEach(region -> sums.add(round, region, buffer));
    parts.useRegions().forEach(region -> sums.add(round, region, buffer));
    release(unit);
  }

  private void release(int unit) {
    held.get(unit)
        .ifPresent(
            buffer -> {
              UnitLayout parts = layout.units().get(unit);
              parts.values().forEach(p -> ParameterBinding.unbindGradient(p.parameter()));
              parts.uses().forEach(p -> ParameterBinding.unbindGradient(p.parameter()));
              buffer.release();
            });
    held.set(unit, Optional.empty());
  }

  /// Gives up the sums of an unfinished group.
  @Override
  public void close() {
    for (int unit = 0; unit < held.size(); unit++) {
      release(unit);
    }
  }
}
