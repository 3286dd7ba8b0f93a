package dev.bellows.trainer.config;

import java.time.Duration;

/// Section `workers`: the processes that train.
///
/// @param count workers, at most `batch.groups`; default 2
/// @param threads compute threads of each worker; default 1
/// @param memory what one worker process may use in all, heap, native memory and shared memory together: its container's limit; 512 MiB or
///     more, default 2 GiB
/// @param heartbeat time between two signs of life of a worker; 10 ms or more, default 1 s
/// @param lostAfter missed heartbeats after which a worker counts as lost; 2 or more, default 3
/// @param startTimeout time for all workers to register; 1 s or more, default 60 s
public record WorkersSection(
    @Default("2") int count,
    @Default("1") int threads,
    @Default("2GiB") ByteSize memory,
    @Default("1s") Duration heartbeat,
    @Default("3") int lostAfter,
    @Default("60s") Duration startTimeout) {
  public WorkersSection {
    Check.atLeast("workers.count", count, 1);
    Check.between("workers.threads", threads, 1, 1024);
    Check.that(
        memory.bytes() >= 512L << 20,
        "workers.memory",
        "workers.memory is " + memory + "; it must be 512MiB or more");
    Check.that(
        heartbeat.toMillis() >= 10,
        "workers.heartbeat",
        "workers.heartbeat is " + heartbeat.toMillis() + "ms; it must be 10ms or more");
    Check.atLeast("workers.lostAfter", lostAfter, 2);
    Check.that(
        startTimeout.toMillis() >= 1000,
        "workers.startTimeout",
        "workers.startTimeout is " + startTimeout.toMillis() + "ms; it must be 1s or more");
  }
}
