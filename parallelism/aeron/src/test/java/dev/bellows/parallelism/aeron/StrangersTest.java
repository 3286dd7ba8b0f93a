package dev.bellows.parallelism.aeron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Chunk;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.TransportProvider.TransportOptions;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.driver.MediaDriver;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Packets that reach the right port and stream but belong to another run or generation.
@Timeout(30)
class StrangersTest {
  private final RankGroup group =
      new RankGroup(rank -> new AeronTransportProvider(), rank -> "one-host", "udp", 8_192);

  @Test
  void packetsOfOtherRunsAndGenerationsAreDroppedAndCounted() throws Exception {
    List<TransportOptions> options = group.options(2, 4711, 3);
    CompletableFuture<Transport> opening =
        CompletableFuture.supplyAsync(() -> new AeronTransportProvider().open(options.get(1)));
    Path folder = SharedMemory.folder("stranger", ProcessHandle.current().pid());
    try (Transport zero = new AeronTransportProvider().open(options.get(0));
        Transport one = opening.get();
        MediaDriver driver = Drivers.launchData(folder, "stranger");
        Aeron aeron = Drivers.connect(folder, "stranger", 2_000, Drivers.logging("stranger"))) {
      DataChannels channels = new DataChannels(options.get(0));
      ExclusivePublication rogue =
          aeron.addExclusivePublication(channels.publication(1), channels.stream(0, 1));
      send(rogue, Packet.plain(4711, 2), 5);
      send(rogue, Packet.plain(4712, 3), 7);
      MemorySegment nine = MemorySegment.ofArray(new byte[] {9});
      while (!zero.offer(1, new Chunk().set(1, 2, 3, nine, 0, 1))) {
        Thread.sleep(1);
      }
      List<String> received = new ArrayList<>();
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (one.strangers() < 12 || received.isEmpty()) {
        one.poll(0, chunk -> received.add(chunk.toString()), 3);
        assertTrue(System.nanoTime() < deadline, one.strangers() + " strangers, " + received);
        Thread.sleep(1);
      }
      assertEquals(12, one.strangers());
      assertEquals(0, zero.strangers());
      assertEquals(List.of("1 bytes at 3 of tensor 2 of operation 1"), received);
      CompletableFuture<Void> barrier =
          CompletableFuture.runAsync(() -> new Collectives(one, (peer, waited) -> {}).barrier());
      new Collectives(zero, (peer, waited) -> {}).barrier();
      barrier.get();
      CompletableFuture<Void> closing = CompletableFuture.runAsync(one::close);
      zero.close();
      closing.get();
    }
    SharedMemory.delete(folder);
    SharedMemoryTest.assertNothingOfThisProcess();
  }

  private static void send(ExclusivePublication publication, Packet packet, int count)
      throws InterruptedException {
    UnsafeBuffer buffer = new UnsafeBuffer(new byte[Packet.HEADER_BYTES + 8]);
    packet.write(buffer, 0, Packet.DATA, new Chunk().set(1, 2, 3, MemorySegment.NULL, 0, 8), 0);
    for (int i = 0; i < count; i++) {
      while (publication.offer(buffer) < 0) {
        Thread.sleep(1);
      }
    }
  }
}
