package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Fails a test whose runs leave threads or shared memory behind, or whose workers report buffers that were never released.
final class LeakWatch implements BeforeEachCallback, AfterEachCallback {
  private static final long PATIENCE_NANOS = 3_000_000_000L;

  private final LeakReports reports = new LeakReports();
  private Set<Thread> threadsBefore = Set.of();
  private List<String> foldersBefore = List.of();

  @Override
  public void beforeEach(ExtensionContext context) throws IOException {
    threadsBefore = threads();
    foldersBefore = sharedFolders();
    reports.start();
    root().addAppender(reports);
  }

  @Override
  public void afterEach(ExtensionContext context) throws Exception {
    root().removeAppender(reports);
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while ((!newThreads().isEmpty() || !newFolders().isEmpty()) && System.nanoTime() < deadline) {
      Thread.sleep(10);
    }
    assertEquals(
        List.of(), newThreads().stream().map(Thread::getName).toList(), "threads that a run left");
    assertEquals(List.of(), newFolders(), "folders of shared memory that a run left");
    assertEquals(List.of(), reports.found, "buffers that were never released");
  }

  private static org.apache.logging.log4j.core.Logger root() {
    return ((LoggerContext) LogManager.getContext(false)).getRootLogger();
  }

  private Set<Thread> newThreads() {
    Set<Thread> now = threads();
    now.removeAll(threadsBefore);
    return now;
  }

  private static Set<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("bellows-"))
        .collect(Collectors.toSet());
  }

  private List<String> newFolders() throws IOException {
    return sharedFolders().stream().filter(folder -> !foldersBefore.contains(folder)).toList();
  }

  /// Folders of this process; other processes of this machine may run transports too.
  private static List<String> sharedFolders() throws IOException {
    Path shared = Path.of("/dev/shm");
    if (!Files.isDirectory(shared)) {
      return List.of();
    }
    String own = "-" + ProcessHandle.current().pid();
    try (Stream<Path> all = Files.list(shared)) {
      return all.map(path -> path.getFileName().toString())
          .filter(name -> name.startsWith("bellows-") && name.endsWith(own))
          .toList();
    }
  }

  /// Log entries that tell of a leak, in their message, an exception, its causes or what it suppressed.
  private static final class LeakReports extends AbstractAppender {
    private final List<String> found = new CopyOnWriteArrayList<>();

    LeakReports() {
      super("leak-reports", null, null, true, Property.EMPTY_ARRAY);
    }

    @Override
    public void append(LogEvent event) {
      look(event.getThrown());
    }

    private void look(Throwable error) {
      if (error == null) {
        return;
      }
      if (String.valueOf(error.getMessage()).contains("never released")) {
        found.add(error.getMessage());
      }
      look(error.getCause());
      for (Throwable suppressed : error.getSuppressed()) {
        look(suppressed);
      }
    }
  }
}
