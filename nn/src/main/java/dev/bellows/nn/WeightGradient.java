package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.Tensor;

/// The weight gradient of a linear layer, exact or sampled.
public interface WeightGradient {
  /// What forward saves of the layer's input `x` [rows, in], in the dtype of the products' operands: `x` itself, or a part of it. Returns a tensor owned once by the caller.
  Tensor reduceInput(Backend backend, Parameter weight, Tensor x);

  /// Whether [#reduceInput] keeps its input as it is. Under sequence parallelism a rank then keeps its own rows only and gathers the others again.
  default boolean keepsInput() {
    return false;
  }

  /// `gradient = dyᵀ x` [out, in], or `+=` when `accumulate`, from what [#reduceInput] returned and `dy` [rows, out] in the same dtype.
  void apply(
      Backend backend,
      Parameter weight,
      Tensor saved,
      Tensor dy,
      Tensor gradient,
      boolean accumulate);

  /// The exact gradient over all rows.
  WeightGradient EXACT =
      new WeightGradient() {
        @Override
        public Tensor reduceInput(Backend backend, Parameter weight, Tensor x) {
          return x.retain();
        }

        @Override
        public boolean keepsInput() {
          return true;
        }

        @Override
        public void apply(
            Backend backend,
            Parameter weight,
            Tensor saved,
            Tensor dy,
            Tensor gradient,
            boolean accumulate) {
          backend.gemm(Gemm.TN.accumulating(accumulate), dy, saved, gradient);
        }
      };
}
