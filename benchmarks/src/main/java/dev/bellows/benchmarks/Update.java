package dev.bellows.benchmarks;

/// The optimizer that both sides use, with its settings.
sealed interface Update {
  /// What the benchmarks train with.
  Update BENCHMARK = new AdamW(1e-3, 0.9, 0.95, 1e-8, 0.1);

  /// AdamW; `weightDecay` applies to matrices only.
  record AdamW(double learningRate, double beta1, double beta2, double epsilon, double weightDecay)
      implements Update {}

  /// SGD with momentum; `weightDecay` applies to matrices only.
  record Sgd(double learningRate, double momentum, boolean nesterov, double weightDecay)
      implements Update {}
}
