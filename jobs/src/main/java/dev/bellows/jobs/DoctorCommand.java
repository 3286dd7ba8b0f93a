package dev.bellows.jobs;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.trainer.RunFolder;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.MemoryNeed;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `bellows doctor`: checks this machine for what a run needs, one line a check, each failure with its remedy.
@Command(
    name = "doctor",
    description =
        "Check this machine: JDK, cores, memory, shared memory, UDP, write rights, native"
            + " libraries.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  private static final long SHARED_MEMORY_NEEDED = 256L << 20;

  @Option(
      names = "--folder",
      paramLabel = "PATH",
      description = "Where runs are to be written (default: runs).")
  String folder = "runs";

  @Option(
      names = "--shared-memory",
      hidden = true,
      description = "The folder that stands for /dev/shm.")
  Path sharedMemory = Path.of("/dev/shm");

  /// What a check found; an exception's message is a failure with its remedy.
  private interface Check {
    String run() throws Exception;
  }

  private int failures;

  @Override
  public Integer call() {
    check("jdk", DoctorCommand::jdk);
    check("cores", () -> Runtime.getRuntime().availableProcessors() + " available");
    check("memory", DoctorCommand::memory);
    check("shared memory", this::sharedMemory);
    check("udp loopback", DoctorCommand::udp);
    check("run folder", this::writeRights);
    check("backend", DoctorCommand::backend);
    check("spark", () -> Versions.line());
    System.out.println(failures == 0 ? "everything is ready" : failures + " checks failed");
    return failures == 0 ? 0 : ErrorCategory.RESOURCE.exitCode();
  }

  private void check(String name, Check check) {
    String verdict = "ok  ";
    String text;
    try {
      text = check.run();
    } catch (Exception e) {
      failures++;
      verdict = "FAIL";
      text = e.getMessage() == null ? e.toString() : e.getMessage();
    }
    System.out.printf("%s  %-14s %s%n", verdict, name, text);
  }

  private static String jdk() {
    int feature = Runtime.version().feature();
    if (feature < 25) {
      throw new IllegalStateException("Java " + feature + " runs this; install JDK 25 or later");
    }
    if (!ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
      throw new IllegalStateException(
          "the vector module is missing; start with the flags of jvm.options");
    }
    return System.getProperty("java.vm.name") + " " + Runtime.version();
  }

  private static String memory() {
    OperatingSystemMXBean bean = ManagementFactory.getOperatingSystemMXBean();
    long bytes = ((com.sun.management.OperatingSystemMXBean) bean).getTotalMemorySize();
    return MemoryNeed.format(bytes)
        + " of memory, heap up to "
        + MemoryNeed.format(Runtime.getRuntime().maxMemory());
  }

  private String sharedMemory() throws IOException {
    FileStore store = Files.getFileStore(sharedMemory);
    String found = MemoryNeed.format(store.getUsableSpace()) + " free in " + sharedMemory;
    if (store.getUsableSpace() < SHARED_MEMORY_NEEDED) {
      throw new IllegalStateException(
          found
              + "; Aeron needs "
              + MemoryNeed.format(SHARED_MEMORY_NEEDED)
              + " for two workers; in a container give --shm-size=1g");
    }
    return found;
  }

  private static String udp() throws IOException {
    byte[] sent = new byte[8192];
    Arrays.fill(sent, (byte) 42);
    InetAddress loopback = InetAddress.getLoopbackAddress();
    try (DatagramSocket receiver = new DatagramSocket(0, loopback);
        DatagramSocket sender = new DatagramSocket()) {
      receiver.setSoTimeout(1000);
      sender.send(new DatagramPacket(sent, sent.length, loopback, receiver.getLocalPort()));
      DatagramPacket packet = new DatagramPacket(new byte[9000], 9000);
      receiver.receive(packet);
      if (packet.getLength() != sent.length) {
        throw new IOException("a datagram of 8192 bytes arrived with " + packet.getLength());
      }
      return "a datagram of 8192 bytes arrives, socket buffer "
          + receiver.getReceiveBufferSize()
          + " bytes";
    }
  }

  private String writeRights() throws IOException {
    RunFolder run = RunFolder.of(folder + "/doctor-" + ProcessHandle.current().pid());
    try {
      run.writeNonce("doctor");
      if (!run.readNonce().equals("doctor")) {
        throw new IOException(run.path() + " does not give back what was written");
      }
    } finally {
      run.store().delete(run.path());
    }
    return folder + " can be written";
  }

  private static String backend() {
    try (Backend backend = Backends.open("auto", BackendOptions.threads(1))) {
      return backend.description();
    }
  }
}
