package dev.bellows.parallelism.aeron;

import io.aeron.Aeron;
import io.aeron.driver.MediaDriver;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/// The one small media driver and client that all control endpoints of this process share; it lives while there is one. Thread-safe.
final class ControlPlane {
  private static ControlPlane current;

  private final Path folder;
  private final MediaDriver driver;
  private final Aeron aeron;
  private final Set<String> addresses = new HashSet<>();
  private int users;

  private ControlPlane() {
    SharedMemory.sweep();
    SharedMemory.require(Drivers.DRIVER_BYTES);
    folder =
        SharedMemory.folder(
            "control-" + Integer.toHexString(ThreadLocalRandom.current().nextInt()),
            ProcessHandle.current().pid());
    driver = Drivers.launchControl(folder);
    try {
      aeron =
          Drivers.connect(
              folder, "control", Drivers.CONTROL_LIVENESS_MILLIS, Drivers.logging("control plane"));
    } catch (RuntimeException e) {
      Drivers.close(driver, folder);
      throw e;
    }
  }

  static synchronized ControlPlane acquire() {
    if (current == null || current.aeron.isClosed()) {
      current = new ControlPlane();
    }
    current.users++;
    return current;
  }

  void release() {
    synchronized (ControlPlane.class) {
      if (--users > 0) {
        return;
      }
      if (current == this) {
        current = null;
      }
      aeron.close();
      Drivers.close(driver, folder);
    }
  }

  Aeron aeron() {
    return aeron;
  }

  /// Whether `address` was free in this process; one driver would let two endpoints share it.
  boolean claim(String address) {
    synchronized (ControlPlane.class) {
      return addresses.add(address);
    }
  }

  void free(String address) {
    synchronized (ControlPlane.class) {
      addresses.remove(address);
    }
  }
}
