package dev.bellows.trainer;

/// Where a worker runs.
///
/// @param partition index of its task
/// @param attempt attempt of that task
/// @param executor Spark's name of the executor, or the thread's
/// @param host name of the host; workers with equal names share memory
/// @param address where others reach this host
/// @param heapBytes what the JVM takes: its largest heap, shared evenly when several workers live in one JVM
/// @param limitBytes what the container allows the worker, [Long#MAX_VALUE] when nothing is known
public record WorkerSite(
    int partition,
    int attempt,
    String executor,
    String host,
    String address,
    long heapBytes,
    long limitBytes) {}
