package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.TransportProvider.TransportOptions;
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.logbuffer.FragmentHandler;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.agrona.concurrent.UnsafeBuffer;

/// Somebody on the network who reads what rank 0 sends to rank 1 and sends what he likes to the same port and stream.
final class Stranger implements AutoCloseable {
  private final TransportOptions victim;
  private final Path folder = SharedMemory.folder("stranger", ProcessHandle.current().pid());
  private final MediaDriver driver;
  private final Aeron aeron;
  private final ExclusivePublication rogue;

  /// `options` are those of the two ranks.
  Stranger(List<TransportOptions> options) {
    victim = options.get(1);
    driver = Drivers.launchData(folder, "stranger");
    aeron = Drivers.connect(folder, "stranger", 2_000, Drivers.logging("stranger"));
    DataChannels channels = new DataChannels(options.get(0));
    rogue = aeron.addExclusivePublication(channels.publication(1), channels.stream(0, 1));
  }

  /// The packets that reach rank 1 from rank 0 while `work` goes on.
  List<byte[]> listen(Runnable work) throws InterruptedException {
    DataChannels channels = new DataChannels(victim);
    String name = "data-" + Long.toHexString(victim.runId()) + "-" + victim.generation() + "-1";
    Path theirs = SharedMemory.folder(name, ProcessHandle.current().pid());
    List<byte[]> packets = new ArrayList<>();
    FragmentHandler keep =
        (buffer, offset, length, header) -> {
          byte[] packet = new byte[length];
          buffer.getBytes(offset, packet);
          packets.add(packet);
        };
    try (Aeron spy = Drivers.connect(theirs, "spy", 2_000, Drivers.logging("spy"));
        Subscription subscription =
            spy.addSubscription(channels.subscription(0), channels.stream(0, 1))) {
      while (subscription.imageCount() == 0) {
        Thread.sleep(1);
      }
      CompletableFuture<Void> working =
          CompletableFuture.runAsync(work, task -> Thread.ofPlatform().start(task));
      while (!working.isDone()) {
        if (subscription.poll(keep, 100) == 0) {
          Thread.sleep(1);
        }
      }
      working.join();
      while (subscription.poll(keep, 100) > 0) {}
    }
    return packets;
  }

  /// Sends `packet` to rank 1.
  void send(byte[] packet) throws InterruptedException {
    while (rogue.offer(new UnsafeBuffer(packet)) < 0) {
      Thread.sleep(1);
    }
  }

  @Override
  public void close() {
    aeron.close();
    driver.close();
    SharedMemory.delete(folder);
  }
}
