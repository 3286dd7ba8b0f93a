package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterBinding;
import dev.bellows.nn.Precision;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.zero.UnitLayout.Lent;
import dev.bellows.parallelism.zero.UnitLayout.Placed;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// The values of the units that a pass is in, gathered from their owners: ZeRO-3. Owns them until they are released. Threads: one at a time.
final class UnitValues implements AutoCloseable {
  private final Backend backend;
  private final ZeroLayout layout;
  private final Collectives collectives;
  private final Precision precision;
  private final Tensor share;
  private final List<List<Tensor>> held = new ArrayList<>();
  private final List<Copy> copies = new ArrayList<>();

  /// A value of another unit that `borrower` has brought for itself.
  private record Copy(int borrower, Lent lent, Tensor value, Tensor operand) {}

  /// Units whose values lie in the shares of all ranks; this rank's is `share`, which is borrowed.
  UnitValues(
      Backend backend,
      ZeroLayout layout,
      Collectives collectives,
      Precision precision,
      Tensor share) {
    this.backend = backend;
    this.layout = layout;
    this.collectives = collectives;
    this.precision = precision;
    this.share = share;
    layout.units().forEach(unit -> held.add(new ArrayList<>()));
  }

  /// Brings the values that `unit` reads, if they are not here; all ranks call alike.
  void gather(int unit) {
    if (isHeld(unit)) {
      return;
    }
    UnitLayout parts = layout.units().get(unit);
    Tensor values = allocate(unit, DType.F32, parts.valueElements());
    parts.regions().forEach(region -> gather(region, values));
    Tensor operands = operands(unit, values);
    for (Placed placed : parts.values()) {
      bind(placed.parameter(), values, operands, placed.offset());
    }
    for (Lent lent : parts.lent()) {
      if (!isHeld(lent.home())) {
        Tensor value = allocate(unit, DType.F32, lent.region().slices().total());
        gather(lent.region(), value);
        Copy copy = new Copy(unit, lent, value, operands(unit, value));
        copies.add(copy);
        bind(copy);
      }
    }
  }

  private boolean isHeld(int unit) {
    return !held.get(unit).isEmpty();
  }

  private Tensor allocate(int unit, DType dtype, long elements) {
    Tensor tensor = backend.allocate(dtype, Shape.of(elements), Category.PARAMETER);
    held.get(unit).add(tensor);
    return tensor;
  }

  private void gather(Region region, Tensor unit) {
    collectives.allGather(
        region.sliceInShare(share, collectives.rank()), region.slices(), region.inUnit(unit));
  }

  /// The operands of products, made here from the gathered values.
  private Tensor operands(int unit, Tensor values) {
    if (precision == Precision.F32) {
      return values;
    }
    Tensor operands = allocate(unit, precision.operands(), values.elements());
    backend.copy(values, operands);
    return operands;
  }

  private void bind(Copy copy) {
    bind(copy.lent().parameter(), copy.value(), copy.operand(), 0);
  }

  private void bind(Parameter parameter, Tensor values, Tensor operands, long offset) {
    long[] dims = layout.shape(parameter).dims();
    ParameterBinding.bindValue(
        parameter, values.slice(offset, dims), operands.slice(offset, dims));
  }

  /// Gives up what [#gather] brought for `unit`.
  void release(int unit) {
    if (!isHeld(unit)) {
      return;
    }
    UnitLayout parts = layout.units().get(unit);
    parts.values().forEach(placed -> ParameterBinding.unbindValue(placed.parameter()));
    for (Lent lent : parts.lent()) {
      if (!isHeld(lent.home())) {
        ParameterBinding.unbindValue(lent.parameter());
      }
    }
    held.get(unit).forEach(Tensor::release);
    held.get(unit).clear();
    copies.removeIf(copy -> copy.borrower() == unit);
    // Who has a copy of one of these values still reads it there.
    copies.stream().filter(copy -> copy.lent().home() == unit).forEach(this::bind);
  }

  @Override
  public void close() {
    for (int unit = 0; unit < held.size(); unit++) {
      release(unit);
    }
  }
}
