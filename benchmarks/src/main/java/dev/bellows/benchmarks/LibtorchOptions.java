package dev.bellows.benchmarks;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How the libtorch side runs: what can be chosen without changing what is computed, and whether bf16 may be.
///
/// @param environment variables of the process: OpenMP waits, OpenBLAS kernels, the C allocator
/// @param fusedAttention `scaled_dot_product_attention` instead of products, mask and softmax
/// @param fusedAdamW `_fused_adamw_` instead of `torch::optim::AdamW`
/// @param autocast libtorch's own bf16 autocast around the forward pass
record LibtorchOptions(
    Map<String, String> environment, boolean fusedAttention, boolean fusedAdamW, boolean autocast) {
  /// libtorch as it comes, in fp32, on the given number of threads.
  static final LibtorchOptions AS_SHIPPED = new LibtorchOptions(Map.of(), true, false, false);

  LibtorchOptions {
    environment = Map.copyOf(environment);
  }

  /// Reads what [#arguments] wrote; the environment is the process's own.
  static LibtorchOptions parse(Map<String, String> arguments) {
    return new LibtorchOptions(
        Map.of(),
        arguments.get("attention").equals("fused"),
        arguments.get("adamw").equals("fused"),
        SidePrecision.parse(arguments.getOrDefault("precision", "fp32")) == SidePrecision.BF16);
  }

  /// The same with `variables` added.
  LibtorchOptions with(Map<String, String> variables) {
    Map<String, String> all = new LinkedHashMap<>(environment);
    all.putAll(variables);
    return new LibtorchOptions(all, fusedAttention, fusedAdamW, autocast);
  }

  /// The same with the other attention.
  LibtorchOptions withFusedAttention(boolean fused) {
    return new LibtorchOptions(environment, fused, fusedAdamW, autocast);
  }

  /// The same with the other AdamW.
  LibtorchOptions withFusedAdamW(boolean fused) {
    return new LibtorchOptions(environment, fusedAttention, fused, autocast);
  }

  /// The same in the given precision.
  LibtorchOptions in(SidePrecision precision) {
    return new LibtorchOptions(
        environment, fusedAttention, fusedAdamW, precision == SidePrecision.BF16);
  }

  /// The side's own arguments for [SideMain].
  List<String> arguments() {
    return List.of(
        "attention=" + (fusedAttention ? "fused" : "composed"),
        "adamw=" + (fusedAdamW ? "fused" : "plain"),
        "precision=" + (autocast ? SidePrecision.BF16 : SidePrecision.FP32));
  }

  @Override
  public String toString() {
    List<String> parts =
        environment.entrySet().stream()
            .sorted(Map.Entry.comparingByKey())
            .map(Object::toString)
            .toList();
    return String.join(" ", parts) + (parts.isEmpty() ? "" : " ") + String.join(" ", arguments());
  }
}
