package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterBinding;
import dev.bellows.nn.Precision;
import dev.bellows.parallelism.CollectiveHandle;
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

/// The values of the units that a pass is in, and of the next one, gathered from their owners: ZeRO-3. Owns them until they are released. Threads: one at
/// a time.
final class UnitValues implements AutoCloseable {
  private final Backend backend;
  private final ZeroLayout layout;
  private final Collectives collectives;
  private final Precision precision;
  private final Tensor share;
  private final List<Gathered> units = new ArrayList<>();

  /// A value of another unit that a unit brings for itself.
  private record Copy(Lent lent, Tensor value, Tensor operand) {}

  /// What is here of one unit.
  private static final class Gathered {
    private final UnitLayout layout;
    private final List<CollectiveHandle> handles = new ArrayList<>();
    private final List<Tensor> tensors = new ArrayList<>();
    private final List<Copy> copies = new ArrayList<>();
    private int underWay;
    private boolean bound;

    Gathered(UnitLayout layout) {
      this.layout = layout;
      for (int i = 0; i < layout.regions().size() + layout.lent().size(); i++) {
        handles.add(new CollectiveHandle());
      }
    }

    boolean isStarted() {
      return !tensors.isEmpty();
    }
  }

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
    layout.units().forEach(unit -> units.add(new Gathered(unit)));
  }

  /// Begins to bring the values that unit `index` reads, if they are not here or on their way; all ranks call alike.
  void start(int index) {
    Gathered unit = units.get(index);
    if (unit.isStarted()) {
      return;
    }
    Tensor values = allocate(unit, DType.F32, unit.layout.valueElements());
    unit.layout.regions().forEach(region -> start(unit, region, values));
    // Always a copy of its own: the other unit may be given up first.
    for (Lent lent : unit.layout.lent()) {
      start(unit, lent.region(), allocate(unit, DType.F32, lent.region().slices().total()));
    }
  }

  private void start(Gathered unit, Region region, Tensor buffer) {
    collectives.startAllGather(
        region.sliceInShare(share, collectives.rank()),
        region.slices(),
        region.inUnit(buffer),
        unit.handles.get(unit.underWay++));
  }

  private Tensor allocate(Gathered unit, DType dtype, long elements) {
    Tensor tensor = backend.allocate(dtype, Shape.of(elements), Category.PARAMETER);
    unit.tensors.add(tensor);
    return tensor;
  }

  /// Brings the values that unit `index` reads, if they are not here; all ranks call alike.
  void gather(int index) {
    start(index);
    Gathered unit = units.get(index);
    if (unit.bound) {
      return;
    }
    await(unit);
    unit.bound = true;
    Tensor values = unit.tensors.getFirst();
    Tensor operands = operands(unit, values);
    for (Placed placed : unit.layout.values()) {
      bind(placed.parameter(), values, operands, placed.offset());
    }
    for (int i = 0; i < unit.layout.lent().size(); i++) {
      Tensor value = unit.tensors.get(1 + i);
      Copy copy = new Copy(unit.layout.lent().get(i), value, operands(unit, value));
      unit.copies.add(copy);
      bind(copy);
    }
  }

  private static void await(Gathered unit) {
    while (unit.underWay > 0) {
      unit.handles.get(unit.underWay - 1).await();
      unit.underWay--;
    }
  }

  /// The operands of products, made here from the gathered values.
  private Tensor operands(Gathered unit, Tensor values) {
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
    ParameterBinding.bindValue(parameter, values.slice(offset, dims), operands.slice(offset, dims));
  }

  /// Gives up what unit `index` has here, or on its way.
  void release(int index) {
    Gathered unit = units.get(index);
    if (!unit.isStarted()) {
      return;
    }
    try {
      await(unit);
    } finally {
      if (unit.bound) {
        unbind(index, unit);
      }
      unit.tensors.forEach(Tensor::release);
      unit.tensors.clear();
      unit.copies.clear();
      unit.underWay = 0;
      unit.bound = false;
    }
  }

  private void unbind(int index, Gathered unit) {
    unit.layout.values().forEach(placed -> ParameterBinding.unbindValue(placed.parameter()));
    for (Copy copy : unit.copies) {
      if (!units.get(copy.lent().home()).bound) {
        ParameterBinding.unbindValue(copy.lent().parameter());
      }
    }
    // Who has a copy of one of these values still reads it there.
    for (Gathered other : units) {
      if (other != unit) {
        other.copies.stream().filter(copy -> copy.lent().home() == index).forEach(this::bind);
      }
    }
  }

  @Override
  public void close() {
    for (int index = 0; index < units.size(); index++) {
      release(index);
    }
  }
}
