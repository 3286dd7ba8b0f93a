package dev.bellows.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/// `bench collectives`: all-reduces of two processes on one host, ours beside OpenMPI's and Gloo's, in turns.
final class CollectivesBenchmark {
  private static final long REFERENCE_BYTES = 16L << 20;
  private static final List<Integer> MTUS = List.of(65_504, 8_192, 1_408);

  private final CollectivesOptions options;
  private final PrintStream out;
  private final List<ReducePlan> plans;
  private final ReducePlan reference;
  private final Path log;
  private final Optional<MpiRuns> mpi;

  /// Errors: [IllegalArgumentException] for sizes that are none, and where OpenMPI is wanted and missing.
  CollectivesBenchmark(CollectivesOptions options, PrintStream out) throws IOException {
    this.options = options;
    this.out = out;
    this.plans = ReducePlan.parse(options.sizes, options.volume);
    this.reference =
        plans.stream()
            .filter(plan -> plan.bytes() == REFERENCE_BYTES)
            .findFirst()
            .orElse(plans.getLast());
    this.log = options.output.resolve("collectives.log");
    this.mpi =
        options.noPeer ? Optional.empty() : Optional.of(new MpiRuns(MpiRuns.find(), flags(), log));
  }

  private static List<String> flags() throws IOException {
    List<String> flags = new ArrayList<>(Environment.jvmFlags());
    flags.addAll(List.of("-Xmx512m", "-XX:+UseSerialGC"));
    return flags;
  }

  /// Runs everything. Returns 0; a wrong sum ends a side, which is an [IOException].
  int run() throws IOException {
    if (options.rounds < 1) {
      throw new IllegalArgumentException(
          "--rounds is " + options.rounds + "; it must be 1 or more");
    }
    Environment.warnWhenBusy(out);
    Map<String, Object> environment = Environment.describe();
    Files.createDirectories(options.output);
    Files.deleteIfExists(log);
    CollectivesResult result = new CollectivesResult(plans, reference);
    try (WorkFolder work = WorkFolder.in(options.output);
        RankPair ours = new RankPair("bellows", flags(), log)) {
      // The first pass is compiled on the way and not counted.
      oursOverAll(ours, new CollectivesResult(plans, reference));
      if (options.noGloo) {
        rounds(ours, Optional.empty(), work, result);
      } else {
        try (RankPair gloo = new RankPair("gloo", glooFlags(), log)) {
          rounds(ours, Optional.of(gloo), work, result);
        }
      }
    }
    String line = result.line();
    out.println(line);
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("benchmark", "collectives");
    record.put("line", line);
    record.put("rounds", options.rounds);
    record.put("mpi", mpi.isPresent() ? mpi.get().version() : "none");
    record.put("sides", result.facts());
    record.put("environment", environment);
    out.println("record: " + JsonRecord.write("collectives", options.output, record));
    return 0;
  }

  private static List<String> glooFlags() throws IOException {
    List<String> flags = flags();
    flags.add("-Dorg.bytedeco.javacpp.nopointergc=true");
    flags.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    flags.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    return flags;
  }

  private void rounds(
      RankPair ours, Optional<RankPair> gloo, WorkFolder work, CollectivesResult result)
      throws IOException {
    for (int round = 0; round < options.rounds; round++) {
      ours(ours, "ipc", "auto", MTUS.getFirst(), plans, result);
      if (mpi.isPresent()) {
        add("mpi", plans, mpi.get().sharedMemory(plans), result);
      }
      if (gloo.isPresent()) {
        gloo(gloo.get(), work.path().resolve("store-" + round), result);
      }
      if (!options.noUdp) {
        oursOverUdp(ours, result);
        if (mpi.isPresent()) {
          add("mpi_tcp", List.of(reference), mpi.get().tcp(List.of(reference)), result);
        }
      }
      out.println("after round " + (round + 1) + " of " + options.rounds + ": " + result.line());
    }
  }

  private void oursOverAll(RankPair ours, CollectivesResult result) throws IOException {
    ours(ours, "ipc", "auto", MTUS.getFirst(), plans, result);
    if (!options.noUdp) {
      oursOverUdp(ours, result);
    }
  }

  private void oursOverUdp(RankPair ours, CollectivesResult result) throws IOException {
    for (int mtu : MTUS) {
      ours(ours, "udp_" + mtu, "udp", mtu, List.of(reference), result);
    }
  }

  /// Our ranks are connected for their turn only: a media driver that waits takes a little time from everybody.
  private static void ours(
      RankPair ours,
      String side,
      String kind,
      int mtu,
      List<ReducePlan> plans,
      CollectivesResult result)
      throws IOException {
    long runId = ThreadLocalRandom.current().nextLong(Long.MAX_VALUE);
    ours.open(kind + " " + mtu + " " + runId + " " + String.join(" ", ours.greetings()));
    for (ReducePlan plan : plans) {
      result.add(side, plan, ours.time(plan));
    }
    ours.leave();
  }

  private void gloo(RankPair gloo, Path store, CollectivesResult result) throws IOException {
    gloo.open(store.toAbsolutePath().toString());
    for (ReducePlan plan : plans) {
      result.add("gloo", plan, gloo.time(plan));
    }
    gloo.leave();
  }

  private static void add(
      String side, List<ReducePlan> plans, List<ReduceTiming> timings, CollectivesResult result) {
    for (int i = 0; i < plans.size(); i++) {
      result.add(side, plans.get(i), timings.get(i));
    }
  }
}
