package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.Peer;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// A rank in a process of its own, driven by [TwoProcessTest] over standard input and output.
///
/// Arguments: kind, rank, run id, elements, rounds (0: until a peer is lost), one host (true or false), and 64 hexadecimal digits of a run key
/// to encrypt with. It says `AT pid address`, reads one line with all ranks'
/// `pid address`, and says `OPEN`, then `DONE`, median and best gigabytes per second, or `LOST peer milliseconds message`.
public final class Worker {
  private Worker() {}

  /// Runs the rank.
  public static void main(String[] args) throws Exception {
    AeronTransportProvider provider = new AeronTransportProvider();
    say("AT " + ProcessHandle.current().pid() + " " + provider.reserveDataAddress("127.0.0.1"));
    int rank = Integer.parseInt(args[1]);
    TransportOptions options =
        new TransportOptions(
            Long.parseLong(args[2]),
            1,
            rank,
            readPeers(Boolean.parseBoolean(args[5])),
            args[0],
            65_504,
            TimeUnit.SECONDS.toNanos(10),
            args.length > 6 ? RunKey.of(HexFormat.of().parseHex(args[6])) : RunKey.none());
    long[] lastProgress = {System.nanoTime()};
    try (Transport transport = provider.open(options);
        Backend backend = new ReferenceBackend()) {
      say("OPEN");
      say(
          "DONE "
              + reduce(
                  transport,
                  backend,
                  Integer.parseInt(args[3]),
                  Integer.parseInt(args[4]),
                  lastProgress));
    } catch (PeerLostException e) {
      say(
          "LOST "
              + e.peer()
              + " "
              + (System.nanoTime() - lastProgress[0]) / 1_000_000
              + " "
              + e.getMessage());
    }
  }

  private static String reduce(
      Transport transport, Backend backend, int elements, int rounds, long[] lastProgress) {
    Collectives collectives = new Collectives(transport, (peer, waited) -> {});
    List<Double> rates = new ArrayList<>();
    try (Tensor x = backend.allocate(DType.F32, Shape.of(elements), Category.GRADIENT)) {
      for (int round = 0; rounds == 0 || round < rounds; round++) {
        for (int i = 0; i < elements; i++) {
          x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 1000 + transport.rank());
        }
        collectives.barrier();
        long start = System.nanoTime();
        collectives.allReduceSum(x);
        rates.add(x.bytes() / (double) (System.nanoTime() - start));
        lastProgress[0] = System.nanoTime();
        check(x, transport.worldSize());
      }
    }
    rates.sort(null);
    return rates.get(rates.size() / 2) + " " + rates.getLast();
  }

  private static void check(Tensor x, int world) {
    for (int i = 0; i < x.elements(); i++) {
      float expected = i % 1000 * world + world * (world - 1) / 2;
      if (x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i) != expected) {
        throw new AssertionError(
            "element "
                + i
                + " is "
                + x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i)
                + " instead of "
                + expected);
      }
    }
  }

  private static List<Peer> readPeers(boolean oneHost) throws IOException {
    String[] fields =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
            .readLine()
            .split(" ");
    List<Peer> peers = new ArrayList<>();
    for (int i = 0; i < fields.length; i += 2) {
      peers.add(
          new Peer(
              i / 2,
              oneHost ? "one-host" : "host-" + i / 2,
              Long.parseLong(fields[i]),
              fields[i + 1]));
    }
    return peers;
  }

  private static void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
