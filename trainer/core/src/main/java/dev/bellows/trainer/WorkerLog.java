package dev.bellows.trainer;

import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One worker's own log in the run folder, for whoever wants to know afterwards what this rank did. Later attempts write behind earlier
/// ones. A log that cannot be written never ends the training. Thread-safe.
final class WorkerLog implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(WorkerLog.class);

  private final String path;
  private FileStore.Writer writer;

  WorkerLog(RunFolder folder, int generation, int rank) {
    path = folder.log(generation, rank);
    try {
      FileStore store = folder.store();
      writer = store.exists(path) ? store.append(path) : store.create(path, false);
    } catch (IOException e) {
      LOG.warn("{} is not written: {}", path, e.getMessage());
    }
  }

  synchronized void line(String text) {
    if (writer == null) {
      return;
    }
    String line = Instant.now().truncatedTo(ChronoUnit.MILLIS) + " " + text + "\n";
    try {
      writer.write(MemorySegment.ofArray(line.getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      LOG.warn("{} is no longer written: {}", path, e.getMessage());
      closeWriter();
    }
  }

  void failure(Throwable e) {
    StringWriter stack = new StringWriter();
    e.printStackTrace(new PrintWriter(stack));
    line("failed: " + stack);
  }

  private void closeWriter() {
    FileStore.Writer open = writer;
    writer = null;
    try {
      open.close();
    } catch (IOException e) {
      LOG.warn("{} was not closed: {}", path, e.getMessage());
    }
  }

  @Override
  public synchronized void close() {
    if (writer != null) {
      closeWriter();
    }
  }
}
