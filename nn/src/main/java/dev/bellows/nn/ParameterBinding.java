package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;

/// Says where single parameters lie, for a store that does not hold all of a model at all times (ZeRO). [ParameterStore] places whole models.
///
/// Tensors are borrowed: whoever binds them owns them and keeps them alive until the parameter is bound elsewhere or unbound. What is not bound has no
/// tensor, and an operation that meets it fails. On a tensor axis all are this rank's shards. Threads: one at a time.
public final class ParameterBinding {
  private ParameterBinding() {}

  /// From now on this rank holds of `parameter`, or of the primary of a tied use, what `sharding` says.
  public static void split(Parameter parameter, Sharding sharding) {
    parameter.split(sharding.split(parameter), sharding.shard(parameter));
  }

  /// The value of `parameter`, which is not tied, lies in `value`; products take `operand`, of the same shape, which may be `value`.
  public static void bindValue(Parameter parameter, Tensor value, Tensor operand) {
    requireShape(parameter, value);
    requireShape(parameter, operand);
    parameter.place(value, operand, parameter.gradient());
  }

  /// The value of `parameter` lies nowhere.
  public static void unbindValue(Parameter parameter) {
    parameter.place(null, null, parameter.gradient());
  }

  /// A new gradient sum of `parameter`, or of a tied use, begins in `gradient`, whose contents do not matter.
  public static void beginSum(Parameter parameter, Tensor gradient) {
    requireShape(parameter, gradient);
    place(parameter, gradient);
    parameter.markGradientFresh();
  }

  /// The gradient sum of `parameter` is complete: zero when nothing was added.
  public static void endSum(Backend backend, Parameter parameter) {
    if (parameter.takeGradientFresh()) {
      backend.fill(parameter.gradient(), 0);
    }
  }

  /// The gradient sum of `parameter` lies nowhere.
  public static void unbindGradient(Parameter parameter) {
    place(parameter, null);
  }

  /// A tied use has no value of its own.
  private static void place(Parameter parameter, Tensor gradient) {
    if (parameter.isTied()) {
      parameter.place(null, null, gradient);
    } else {
      parameter.place(parameter.value(), parameter.operand(), gradient);
    }
  }

  private static void requireShape(Parameter parameter, Tensor tensor) {
    if (!tensor.shape().equals(parameter.localShape())) {
      throw new IllegalArgumentException(parameter + " cannot lie in " + tensor);
    }
  }
}
