package dev.bellows.parallelism.aeron;

import io.aeron.Aeron;
import io.aeron.CncFileDescriptor;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.exceptions.DriverTimeoutException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.agrona.ErrorHandler;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Starts embedded media drivers and clients with our settings: one daemon thread per driver that backs off when idle, error handlers
/// that never end the JVM, small counters.
final class Drivers {
  private static final Logger LOG = LoggerFactory.getLogger(Drivers.class);

  /// How long a driver may be silent before its clients give it up, and a client before the driver does. Long enough for a starved
  /// machine: with 2 s a training on two cores that eight builds fought over lost its streams. The death of a process on the same host is seen
  /// by its pid, a frozen one by the coordinator's heartbeats, both sooner.
  static final long DATA_LIVENESS_MILLIS = 6_000;

  /// How long a remote peer's stream may be silent; a living one sends something every 100 ms.
  private static final long IMAGE_LIVENESS_MILLIS = 3_000;

  static final long CONTROL_LIVENESS_MILLIS = 10_000;

  /// What a driver's own files take.
  static final long DRIVER_BYTES = 16L << 20;

  /// Wanted receive window and socket buffers of UDP streams.
  private static final int WINDOW = 2 << 20;

  private static final int SMALL_COUNTERS = 1 << 20;
  private static final int KEEP_ALIVE_MILLIS = 100;
  private static final int DELETE_TURNS = 100;
  private static final long DELETE_PAUSE_NANOS = 10_000_000;

  private Drivers() {}

  /// Where the driver whose private folder is `folder` has its files. It makes its own folder anew, with rights that are not ours to choose,
  /// so that one lies inside ours.
  static File inside(Path folder) {
    return folder.resolve("driver").toFile();
  }

  /// The file that is there once the driver of `folder` runs.
  static Path counters(Path folder) {
    return inside(folder).toPath().resolve(CncFileDescriptor.CNC_FILE);
  }

  /// A driver for tensors in `folder`, which is made.
  static MediaDriver launchData(Path folder, String name) {
    return launch(
        folder,
        base(folder, name, DATA_LIVENESS_MILLIS)
            .imageLivenessTimeoutNs(TimeUnit.MILLISECONDS.toNanos(IMAGE_LIVENESS_MILLIS))
            .publicationTermBufferLength(DataChannels.TERM_BYTES)
            .ipcTermBufferLength(DataChannels.TERM_BYTES)
            .socketRcvbufLength(receiveBuffer())
            .socketSndbufLength(sendBuffer())
            .initialWindowLength(receiveWindow()));
  }

  /// A driver for control messages in `folder`, which is made.
  static MediaDriver launchControl(Path folder) {
    return launch(
        folder,
        base(folder, "control", CONTROL_LIVENESS_MILLIS)
            .termBufferSparseFile(true)
            .sharedIdleStrategy(
                new BackoffIdleStrategy(
                    1, 1, TimeUnit.MICROSECONDS.toNanos(100), TimeUnit.MILLISECONDS.toNanos(1)))
            .publicationTermBufferLength(AeronControl.TERM_BYTES));
  }

  private static MediaDriver.Context base(Path folder, String name, long livenessMillis) {
    long liveness = TimeUnit.MILLISECONDS.toNanos(livenessMillis);
    SharedMemory.create(folder);
    return new MediaDriver.Context()
        .aeronDirectoryName(inside(folder).toString())
        .dirDeleteOnStart(false)
        .dirDeleteOnShutdown(true)
        .threadingMode(ThreadingMode.SHARED)
        .sharedIdleStrategy(
            new BackoffIdleStrategy(10, 10, 1_000, TimeUnit.MICROSECONDS.toNanos(50)))
        .sharedThreadFactory(daemon("bellows-media-driver-" + name))
        .asyncExecutorThreadFactory(daemon("bellows-media-driver-async-" + name))
        .errorHandler(logging("media driver " + name))
        .counterValuesBufferLength(SMALL_COUNTERS)
        .timerIntervalNs(TimeUnit.MILLISECONDS.toNanos(KEEP_ALIVE_MILLIS))
        .clientLivenessTimeoutNs(liveness)
        .imageLivenessTimeoutNs(liveness)
        .publicationConnectionTimeoutNs(liveness)
        .publicationUnblockTimeoutNs(liveness + TimeUnit.SECONDS.toNanos(1));
  }

  private static MediaDriver launch(Path folder, MediaDriver.Context context) {
    try {
      return MediaDriver.launch(context);
    } catch (RuntimeException | Error e) {
      SharedMemory.delete(folder);
      throw e;
    }
  }

  /// Ends `driver` and deletes `folder`. Aeron does not wait for the driver's thread, which deletes files too, once this thread is
  /// interrupted, so that an interrupt is put off, and one that comes meanwhile is made up for by trying again.
  static void close(MediaDriver driver, Path folder) {
    boolean interrupted = Thread.interrupted();
    try {
      driver.close();
    } finally {
      interrupted |= Thread.interrupted();
      SharedMemory.delete(folder);
      for (int turn = 0; turn < DELETE_TURNS && Files.exists(folder); turn++) {
        LockSupport.parkNanos(DELETE_PAUSE_NANOS);
        SharedMemory.delete(folder);
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /// A client of the driver in `folder`. Errors: [DriverTimeoutException] when no driver answers in time.
  static Aeron connect(Path folder, String name, long livenessMillis, ErrorHandler errorHandler) {
    return Aeron.connect(
        new Aeron.Context()
            .aeronDirectoryName(inside(folder).toString())
            .clientName(name)
            .driverTimeoutMs(livenessMillis)
            .keepAliveIntervalNs(TimeUnit.MILLISECONDS.toNanos(KEEP_ALIVE_MILLIS))
            .idleSleepDurationNs(TimeUnit.MILLISECONDS.toNanos(10))
            .resourceLingerDurationNs(TimeUnit.MILLISECONDS.toNanos(500))
            .preTouchMappedMemory(true)
            .threadFactory(daemon("bellows-aeron-client-" + name))
            .errorHandler(errorHandler)
            .subscriberErrorHandler(errorHandler));
  }

  /// The runner renames its thread before it starts, so the name is set again from inside.
  private static ThreadFactory daemon(String name) {
    return task ->
        Thread.ofPlatform()
            .daemon()
            .unstarted(
                () -> {
                  Thread.currentThread().setName(name);
                  task.run();
                });
  }

  static ErrorHandler logging(String who) {
    return error -> LOG.warn("{}: {}", who, error.toString());
  }

  /// Bytes of receive window that the socket buffers here can hold.
  static int receiveWindow() {
    return Math.min(WINDOW, Integer.highestOneBit(receiveBuffer()));
  }

  static int receiveBuffer() {
    return granted(StandardSocketOptions.SO_RCVBUF);
  }

  static int sendBuffer() {
    return granted(StandardSocketOptions.SO_SNDBUF);
  }

  /// The kernel cuts a wish down to `net.core.{r,w}mem_max` without saying so, and the driver refuses a window above the buffer.
  private static int granted(java.net.SocketOption<Integer> option) {
    try (DatagramChannel channel = DatagramChannel.open()) {
      channel.setOption(option, WINDOW);
      return Math.min(WINDOW, channel.getOption(option));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
