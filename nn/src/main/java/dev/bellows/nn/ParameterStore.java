package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Places a model's parameters in two flat buffers (F32; F64 for gradient checks): values, and gradients with the tied uses behind the primaries.
/// With [Precision#BF16] a third one holds BF16 copies of the values, the operands of matrix products in training.
///
/// Of a parameter that tensor ranks share, only this rank's shard is placed ([Sharding]); it has the values that the whole parameter would have.
/// Every parameter starts on 64 bytes; the padding between them is zero and stays zero. Owns the buffers until [#close].
/// Threads: one at a time.
public final class ParameterStore implements AutoCloseable {
  private static final long ALIGNMENT = 16;

  private final Backend backend;
  private final List<Parameter> primaries = new ArrayList<>();
  private final List<Parameter> uses = new ArrayList<>();
  private final long[] offsets;
  private final Tensor values;
  private final Tensor gradients;
  private final Optional<Tensor> operands;

  /// Places `parameters` as F32, in their order. Errors: [IllegalArgumentException] when two share a name.
  public ParameterStore(Backend backend, List<Parameter> parameters) {
    this(backend, parameters, Precision.F32);
  }

  /// Places `parameters` as F32, in their order, for training in `precision`. Errors: [IllegalArgumentException] when two share a name.
  public ParameterStore(Backend backend, List<Parameter> parameters, Precision precision) {
    this(backend, parameters, precision, Sharding.WHOLE);
  }

  /// Places what `sharding` gives this rank of `parameters` as F32, in their order, for training in `precision`. Errors: [IllegalArgumentException] when two
  /// share a name, or when a tied use is not split like its primary.
  public ParameterStore(
      Backend backend, List<Parameter> parameters, Precision precision, Sharding sharding) {
    this(backend, parameters, DType.F32, precision, sharding);
  }

  /// Places `parameters` as `dtype`, F32 or F64, in their order; activations follow the dtype of the parameters. Errors:
  /// [IllegalArgumentException] when two share a name.
  public ParameterStore(Backend backend, List<Parameter> parameters, DType dtype) {
    this(backend, parameters, dtype, Sharding.WHOLE);
  }

  /// The same of what `sharding` gives this rank.
  public ParameterStore(
      Backend backend, List<Parameter> parameters, DType dtype, Sharding sharding) {
    this(backend, parameters, dtype, Precision.F32, sharding);
    if (dtype != DType.F32 && dtype != DType.F64) {
      close();
      throw new IllegalArgumentException("parameters are placed as F32 or F64, not " + dtype);
    }
  }

  private ParameterStore(
      Backend backend,
      List<Parameter> parameters,
      DType dtype,
      Precision precision,
      Sharding sharding) {
    this.backend = backend;
    Set<String> names = new HashSet<>();
    for (Parameter parameter : parameters) {
      if (!names.add(parameter.name())) {
        throw new IllegalArgumentException("two parameters are called " + parameter.name());
      }
      (parameter.isTied() ? uses : primaries).add(parameter);
      parameter.split(sharding.split(parameter), sharding.shard(parameter));
    }
    uses.forEach(ParameterStore::requireAlike);
    offsets = new long[primaries.size() + 1];
    for (int i = 0; i < primaries.size(); i++) {
      offsets[i + 1] = offsets[i] + aligned(primaries.get(i));
    }
    long size = offsets[primaries.size()];
    long tied = uses.stream().mapToLong(ParameterStore::aligned).sum();
    values = backend.allocate(dtype, Shape.of(size), Category.PARAMETER);
    gradients = backend.allocate(dtype, Shape.of(size + tied), Category.GRADIENT);
    operands =
        precision == Precision.F32
            ? Optional.empty()
            : Optional.of(
                backend.allocate(precision.operands(), values.shape(), Category.PARAMETER));
    backend.fill(values, 0);
    backend.fill(gradients, 0);
    for (int i = 0; i < primaries.size(); i++) {
      Parameter parameter = primaries.get(i);
      Tensor value = slice(values, offsets[i], parameter);
      long offset = offsets[i];
      Tensor operand = operands.map(flat -> slice(flat, offset, parameter)).orElse(value);
      parameter.place(value, operand, slice(gradients, offset, parameter));
    }
    long offset = size;
    for (Parameter use : uses) {
      use.place(null, null, slice(gradients, offset, use));
      offset += aligned(use);
    }
  }

  private static void requireAlike(Parameter use) {
    if (use.split() != use.primary().split() || !use.shard().equals(use.primary().shard())) {
      throw new IllegalArgumentException(
          use
              + " is split by "
              + use.split()
              + ", but it shares the value of "
              + use.primary()
              + ", which is split by "
              + use.primary().split());
    }
  }

  private static long aligned(Parameter parameter) {
    return placed(parameter.localShape().elements());
  }

  /// Elements of a flat buffer that a parameter of `elements` elements takes, its padding included.
  public static long placed(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static Tensor slice(Tensor flat, long offset, Parameter parameter) {
    return flat.slice(offset, parameter.localShape().dims());
  }

  /// The parameters that own values, in placement order.
  public List<Parameter> parameters() {
    return List.copyOf(primaries);
  }

  /// Start of parameter `index` in the flat buffers, in elements; index = number of parameters gives the end.
  public long offset(int index) {
    return offsets[index];
  }

  /// Flat values [offset(parameters)].
  public Tensor values() {
    return values;
  }

  /// Flat gradients, the tied uses' sums behind the first offset(parameters) elements. This is what is reduced over ranks.
  public Tensor gradients() {
    return gradients;
  }

  /// The part of [#gradients] that lines up with [#values].
  public Tensor primaryGradients() {
    return gradients.slice(0, values.elements());
  }

  /// Number of trainable elements of the whole parameters, padding and tied uses not counted.
  public long parameterCount() {
    return primaries.stream().mapToLong(parameter -> parameter.shape().elements()).sum();
  }

  /// Draws every parameter's first value from its own stream; an element's value is a function of its place in the whole parameter.
  public void initialise(long seed) {
    Philox root = Philox.of(seed, Philox.Purpose.INITIALISATION);
    for (Parameter parameter : primaries) {
      Philox random = root.derive(parameter.name());
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(parameter.value().bytes(), Double.BYTES);
        parameter
            .shard()
            .forEachRun(
                (local, logical, extent) -> {
                  for (long i = 0; i < extent; i++) {
                    set(host, local + i, parameter.initializer().value(random, logical + i));
                  }
                });
        backend.upload(host, parameter.value());
      }
    }
  }

  private void set(MemorySegment host, long index, float value) {
    if (values.dtype() == DType.F64) {
      host.setAtIndex(ValueLayout.JAVA_DOUBLE, index, value);
    } else {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, index, value);
    }
  }

  /// Brings the operands up to date with the values. Once a step, before the first forward pass.
  public void refreshOperands() {
    operands.ifPresent(copy -> backend.copy(values, copy));
  }

  /// Starts a gradient sum: the next contribution to each use overwrites what is there.
  public void beginAccumulation() {
    primaries.forEach(Parameter::markGradientFresh);
    uses.forEach(Parameter::markGradientFresh);
  }

  /// Ends a gradient sum: uses that received nothing are set to zero.
  public void endAccumulation() {
    zeroIfFresh(primaries);
    zeroIfFresh(uses);
  }

  private void zeroIfFresh(List<Parameter> parameters) {
    for (Parameter parameter : parameters) {
      if (parameter.takeGradientFresh()) {
        backend.fill(parameter.gradient(), 0);
      }
    }
  }

  /// Adds the tied uses' sums to their primaries, in forward order. Once a step, after the reduction over ranks.
  public void combineUses() {
    for (Parameter use : uses) {
      Tensor sum = use.primary().gradient();
      backend.add(sum, use.gradient(), sum);
    }
  }

  @Override
  public void close() {
    values.release();
    gradients.release();
    operands.ifPresent(Tensor::release);
  }
}
