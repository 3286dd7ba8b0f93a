package dev.bellows.tensor.cpu;

/// The work of one operation, cut into tiles that depend on the shapes only.
@FunctionalInterface
interface TileTask {
  /// Computes `tile`. At one time, no two tiles run with the same `worker`, so per-worker scratch needs no lock.
  void run(int tile, int worker);
}
