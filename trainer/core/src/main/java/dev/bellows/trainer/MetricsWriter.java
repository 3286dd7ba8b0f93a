package dev.bellows.trainer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bellows.storage.FileStore;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ControlMessage;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.RunListener;
import dev.bellows.trainer.control.RunReport;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Writes a run's `metrics.jsonl`: one JSON object a line, each with `event` and `step`. A resumed run keeps the lines up to its first step
/// and goes on behind them, so the file always tells one history. Losses are written with all their bits.
final class MetricsWriter implements RunListener, AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MetricsWriter.class);

  private final ObjectMapper json = new ObjectMapper();
  private final RunFolder folder;
  private final FileStore.Writer writer;
  private final int rowsPerSample;
  private final long firstStep;
  private boolean broken;

  /// Opens the metrics of `folder` behind the lines of the first `completed` steps.
  MetricsWriter(RunFolder folder, long completed, int rowsPerSample) {
    this.folder = folder;
    this.rowsPerSample = rowsPerSample;
    this.firstStep = completed;
    try {
      StringBuilder kept = new StringBuilder();
      if (completed > 0 && folder.store().exists(folder.metrics())) {
        for (String line : folder.store().readText(folder.metrics()).lines().toList()) {
          if (isUpTo(line, completed)) {
            kept.append(line).append('\n');
          }
        }
      }
      // Published first: a crash between here and the first new line must not lose the history.
      folder.store().publish(folder.metrics(), kept.toString().getBytes(StandardCharsets.UTF_8));
      writer = folder.store().append(folder.metrics());
    } catch (IOException e) {
      throw new BellowsException(
          ErrorCategory.STORAGE, folder.metrics() + " cannot be written: " + e.getMessage(), e);
    }
  }

  private boolean isUpTo(String line, long completed) {
    try {
      return json.readTree(line).path("step").asLong(Long.MAX_VALUE) <= completed;
    } catch (IOException e) {
      // The last line of a killed driver may be cut; its step comes again.
      return false;
    }
  }

  private ObjectNode event(String name, long step) {
    return json.createObjectNode().put("event", name).put("step", step);
  }

  @Override
  public void generationStarted(
      ControlMessage.Membership membership, List<ControlMessage.Register> registrations) {
    write(
        event("generation", firstStep)
            .put("generation", membership.generation())
            .put("world_size", membership.members().size())
            .put("resume_from", membership.resumeFrom()));
  }

  @Override
  public void step(ControlMessage.StepReport report) {
    ObjectNode line =
        event("step", report.step())
            .put("loss", report.loss())
            .put("grad_norm", report.gradientNorm())
            .put("learning_rate", report.learningRate())
            .put("samples", report.samples())
            .put("rows", report.samples() * rowsPerSample)
            .put("seconds", report.seconds())
            .put("data_seconds", report.dataWait())
            .put("communication_seconds", report.communicationWait())
            .put("memory_peak_bytes", report.memoryPeak());
    if (report.lossScale() > 0) {
      line.put("loss_scale", report.lossScale())
          .put("skipped", report.skipped())
          .put("skipped_steps", report.skippedSteps());
    }
    write(line);
  }

  @Override
  public void evaluation(ControlMessage.EvaluationReport report) {
    write(
        event("evaluation", report.step())
            .put("loss", report.loss())
            .put("accuracy", report.accuracy())
            .put("rows", report.rows())
            .put("seconds", report.seconds()));
  }

  @Override
  public void checkpointCommitted(long step, String path, double stallSeconds) {
    write(event("checkpoint", step).put("folder", path).put("stall_seconds", stallSeconds));
    // Whoever resumes from this checkpoint finds the lines before it, also when this driver is
    // killed.
    sync();
  }

  @Override
  public void checkpointFailed(long step, String reason) {
    write(event("checkpoint_failed", step).put("reason", reason));
  }

  @Override
  public void ended(RunReport report) {
    write(
        event("end", report.step())
            .put("outcome", report.outcome().name())
            .put("sentence", report.sentence())
            .put("seconds", report.seconds()));
  }

  private void write(ObjectNode line) {
    if (broken) {
      return;
    }
    try {
      writer.write(
          MemorySegment.ofArray(
              (json.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8)));
    } catch (IOException e) {
      // A full disk must not end training; the checkpoint's own report tells the user.
      broken = true;
      LOG.warn("{} is no longer written: {}", folder.metrics(), e.getMessage());
    }
  }

  private void sync() {
    try {
      writer.sync();
    } catch (IOException e) {
      LOG.warn("{} was not synced: {}", folder.metrics(), e.getMessage());
    }
  }

  @Override
  public void close() {
    try {
      writer.close();
    } catch (IOException e) {
      LOG.warn("{} was not closed: {}", folder.metrics(), e.getMessage());
    }
  }
}
