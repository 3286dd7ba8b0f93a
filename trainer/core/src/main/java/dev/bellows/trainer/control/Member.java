package dev.bellows.trainer.control;

/// A worker admitted to a generation.
///
/// @param rank its number in the generation
/// @param executor Spark's name of its executor, or the thread's
/// @param host its host name
/// @param pid its process id
/// @param partition the task's index
/// @param attempt the task's attempt; an earlier attempt of the same partition is fenced
/// @param controlAddress where its control endpoint listens
/// @param dataAddress where its data plane listens
public record Member(
    int rank,
    String executor,
    String host,
    long pid,
    int partition,
    int attempt,
    String controlAddress,
    String dataAddress) {
  /// `rank 1 on host a (executor 0, pid 17)`.
  public String describe() {
    return "rank " + rank + " on host " + host + " (executor " + executor + ", pid " + pid + ")";
  }
}
