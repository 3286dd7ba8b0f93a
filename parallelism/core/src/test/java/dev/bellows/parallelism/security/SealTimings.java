package dev.bellows.parallelism.security;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Random;

/// What sealing costs, run by hand: gigabytes per second of processor time, so that a busy machine does not spoil them, and bytes of garbage
/// per packet.
public final class SealTimings {
  private static final int HEADER = 64;
  private static final long NANOS = 1_000_000_000L;

  private SealTimings() {}

  /// Prints a line per payload size.
  public static void main(String[] args) {
    for (int round = 0; round < 3; round++) {
      for (int length : new int[] {1_280, 8_064, 65_344}) {
        time(length);
      }
    }
  }

  private static void time(int length) {
    RunKey key = RunKey.fresh();
    StreamName name = new StreamName("data", 1, 1, 1, "a", "b");
    byte[] salt = SessionSalt.fresh();
    StreamCipher out = new StreamCipher(key, salt, name, "session");
    StreamCipher in = new StreamCipher(key, salt, name, "session");
    byte[] plain = new byte[length];
    new Random(1).nextBytes(plain);
    byte[] packet = new byte[HEADER + length + StreamCipher.TAG_BYTES];
    byte[] opened = new byte[length];
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long counter = 0;
    long before = threads.getCurrentThreadAllocatedBytes();
    long start = threads.getCurrentThreadCpuTime();
    while (counter % 64 != 0 || threads.getCurrentThreadCpuTime() - start < NANOS) {
      int unused = out.seal(counter++, packet, HEADER, plain, length);
    }
    double sealRate = counter * (double) length / (threads.getCurrentThreadCpuTime() - start);
    long sealBytes = (threads.getCurrentThreadAllocatedBytes() - before) / counter;
    long last = counter - 1;
    long count = 0;
    before = threads.getCurrentThreadAllocatedBytes();
    start = threads.getCurrentThreadCpuTime();
    while (count % 64 != 0 || threads.getCurrentThreadCpuTime() - start < NANOS) {
      if (!in.open(last, packet, HEADER, packet.length, opened)) {
        throw new AssertionError("the packet does not open");
      }
      count++;
    }
    double openRate = count * (double) length / (threads.getCurrentThreadCpuTime() - start);
    long openBytes = (threads.getCurrentThreadAllocatedBytes() - before) / count;
    System.out.println(
        String.format(
            Locale.ROOT,
            "payload %6d: seal %.2f GB per CPU second, %d bytes of garbage per packet; open %.2f,"
                + " %d bytes",
            length,
            sealRate,
            sealBytes,
            openRate,
            openBytes));
  }
}
