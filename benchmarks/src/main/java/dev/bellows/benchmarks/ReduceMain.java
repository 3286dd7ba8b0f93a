package dev.bellows.benchmarks;

import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The child process of `bench collectives`: one of two ranks.
///
/// `bellows RANK` and `gloo RANK` obey lines on standard input: `open …` joins the other rank, `time BYTES WARM_UP CALLS` measures, `close` leaves, `quit`
/// ends. Each answer is one line that starts with [SideMain#MARK]; `bellows` begins with its process id and address. `mpi BYTES:WARM_UP:CALLS …`, which
/// mpirun starts, measures these sizes and ends; its rank 0 answers a line for each.
final class ReduceMain {
  private static final PrintStream OUT = System.out;

  private ReduceMain() {}

  public static void main(String[] arguments) throws IOException {
    switch (arguments[0]) {
      case "bellows" -> bellows(Integer.parseInt(arguments[1]));
      case "gloo" -> gloo(Integer.parseInt(arguments[1]));
      case "mpi" -> mpi(arguments);
      default -> throw new IllegalArgumentException("no library is called " + arguments[0]);
    }
    System.exit(0);
  }

  /// Joins the other rank, with the words of an `open` line.
  @FunctionalInterface
  private interface Opener {
    RankReducer open(String[] words);
  }

  private static void bellows(int rank) throws IOException {
    String address = BellowsReducer.provider().reserveDataAddress("127.0.0.1");
    answer(ProcessHandle.current().pid() + " " + address);
    serve(rank, words -> new BellowsReducer(options(rank, words)));
  }

  /// From `open KIND MTU RUN_ID PID ADDRESS PID ADDRESS`.
  private static TransportOptions options(int rank, String[] words) {
    List<Peer> peers = new ArrayList<>();
    for (int peer = 0; peer < 2; peer++) {
      peers.add(
          new Peer(peer, "one-host", Long.parseLong(words[4 + 2 * peer]), words[5 + 2 * peer]));
    }
    return new TransportOptions(
        Long.parseLong(words[3]),
        1,
        rank,
        peers,
        words[1],
        Integer.parseInt(words[2]),
        TimeUnit.SECONDS.toNanos(20));
  }

  private static void gloo(int rank) throws IOException {
    answer("ready");
    serve(rank, words -> new GlooReducer(rank, words[1]));
  }

  private static void serve(int rank, Opener opener) throws IOException {
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    RankReducer reducer = null;
    String line;
    while ((line = commands.readLine()) != null && !line.equals("quit")) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "open" -> {
          reducer = opener.open(words);
          answer("open");
        }
        case "time" -> answer(measure(reducer, rank, words, 1).text());
        case "close" -> {
          reducer.close();
          answer("closed");
        }
        default -> throw new IllegalArgumentException("a rank does not know " + line);
      }
    }
  }

  /// `numbers` from `at` on: bytes, warm-up, calls.
  private static ReduceTiming measure(RankReducer reducer, int rank, String[] numbers, int at) {
    return ReduceTiming.measure(
        reducer,
        rank,
        Long.parseLong(numbers[at]),
        Integer.parseInt(numbers[at + 1]),
        Integer.parseInt(numbers[at + 2]));
  }

  private static void mpi(String[] arguments) {
    try (MpiReducer reducer = new MpiReducer()) {
      for (int i = 1; i < arguments.length; i++) {
        ReduceTiming mine = measure(reducer, reducer.rank(), arguments[i].split(":"), 0);
        ReduceTiming slower = new ReduceTiming(reducer.largest(mine.nanos()), mine.heapBytes());
        if (reducer.rank() == 0) {
          answer(slower.text());
        }
      }
    }
  }

  private static void answer(String text) {
    OUT.println(SideMain.MARK + text);
    OUT.flush();
  }
}
