package dev.bellows.benchmarks;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// How the libtorch side runs: what can be chosen without changing what is computed.
///
/// @param environment variables of the process: OpenMP waits, OpenBLAS kernels, the C allocator
/// @param fusedAttention `scaled_dot_product_attention` instead of products, mask and softmax
/// @param fusedAdamW `_fused_adamw_` instead of `torch::optim::AdamW`
record LibtorchOptions(
    Map<String, String> environment, boolean fusedAttention, boolean fusedAdamW) {
  /// libtorch as it comes, on the given number of threads.
  static final LibtorchOptions AS_SHIPPED = new LibtorchOptions(Map.of(), true, false);

  LibtorchOptions {
    environment = Map.copyOf(environment);
  }

  /// The same with `variables` added.
  LibtorchOptions with(Map<String, String> variables) {
    Map<String, String> all = new LinkedHashMap<>(environment);
    all.putAll(variables);
    return new LibtorchOptions(all, fusedAttention, fusedAdamW);
  }

  /// The same with the other attention.
  LibtorchOptions withFusedAttention(boolean fused) {
    return new LibtorchOptions(environment, fused, fusedAdamW);
  }

  /// The same with the other AdamW.
  LibtorchOptions withFusedAdamW(boolean fused) {
    return new LibtorchOptions(environment, fusedAttention, fused);
  }

  /// The side's own arguments for [SideMain].
  List<String> arguments() {
    return List.of(
        "attention=" + (fusedAttention ? "fused" : "composed"),
        "adamw=" + (fusedAdamW ? "fused" : "plain"));
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
