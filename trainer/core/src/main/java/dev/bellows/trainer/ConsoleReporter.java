package dev.bellows.trainer;

import dev.bellows.trainer.control.ControlMessage;
import dev.bellows.trainer.control.ControlMessage.Membership;
import dev.bellows.trainer.control.ControlMessage.Register;
import dev.bellows.trainer.control.MemoryNeed;
import dev.bellows.trainer.control.RunListener;
import dev.bellows.trainer.control.RunReport;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/// Prints a run's progress for a person: a banner with everything that decides the run, then one line per interval, always in one order.
public final class ConsoleReporter implements RunListener {
  private final RunHeadline headline;
  private final long every;
  private final int globalBatch;
  private final Consumer<String> out;
  private double seconds;
  private double dataSeconds;
  private double communicationSeconds;
  private long steps;

  /// Prints to `out`, one step line for each `every` steps of `globalBatch` samples.
  public ConsoleReporter(RunHeadline headline, long every, int globalBatch, Consumer<String> out) {
    this.headline = headline;
    this.every = every;
    this.globalBatch = globalBatch;
    this.out = out;
  }

  @Override
  public void registered(Register registration, int count, int expected) {
    out.accept(
        String.format(
            "worker  %d of %d: executor %s on host %s, pid %d, %d cores",
            count,
            expected,
            registration.member().executor(),
            registration.member().host(),
            registration.member().pid(),
            registration.cores()));
  }

  @Override
  public void generationStarted(Membership membership, List<Register> registrations) {
    long hosts = membership.members().stream().map(member -> member.host()).distinct().count();
    int world = membership.members().size();
    Register first = registrations.getFirst();
    MemoryNeed need = first.memory();
    out.accept(
        "run     "
            + headline.name()
            + "   config sha256 "
            + headline.configHash().substring(0, 12)
            + "   seed "
            + headline.seed()
            + "   "
            + (headline.resumed().isEmpty() ? "starts at step 0" : headline.resumed()));
    out.accept("on      " + headline.versions() + "   " + headline.launcher());
    out.accept(
        "mesh    world "
            + world
            + " = "
            + headline.mesh()
            + "   generation "
            + membership.generation()
            + "   "
            + hosts
            + (hosts == 1 ? " host" : " hosts")
            + "   backend "
            + first.description());
    out.accept(
        String.format(
            Locale.ROOT, "model   %s, %,d parameters", headline.model(), headline.parameters()));
    out.accept("batch   " + headline.batch());
    out.accept(
        "memory  estimate per worker "
            + need
            + (need.limit() == Long.MAX_VALUE ? "" : " of " + MemoryNeed.format(need.limit())));
  }

  @Override
  public void step(ControlMessage.StepReport report) {
    seconds += report.seconds();
    dataSeconds += report.dataWait();
    communicationSeconds += report.communicationWait();
    steps++;
    if (report.skipped()) {
      out.accept(
          String.format(
              Locale.ROOT,
              "step %d changed no weight, because a gradient overflowed; the loss scale is now %.0f"
                  + " (skipped so far: %d)",
              report.step(),
              report.lossScale(),
              report.skippedSteps()));
    }
    boolean first = report.step() == headline.firstStep() + 1;
    if (first || report.step() % every == 0 || report.step() == headline.lastStep()) {
      print(report);
      seconds = 0;
      dataSeconds = 0;
      communicationSeconds = 0;
      steps = 0;
    }
  }

  private void print(ControlMessage.StepReport report) {
    double samplesPerSecond = steps * globalBatch / seconds;
    String rate =
        headline.rowsPerSample() > 1
            ? String.format(Locale.ROOT, "tok/s %,.0f", samplesPerSecond * headline.rowsPerSample())
            : String.format(Locale.ROOT, "samples/s %,.0f", samplesPerSecond);
    long left = headline.lastStep() - report.step();
    out.accept(
        String.format(
            Locale.ROOT,
            "step %d/%d | loss %.4f | grad_norm %.3f | lr %.3g | %s | data %.1f%% | comm %.1f%% |"
                + " mem %s | eta %s",
            report.step(),
            headline.lastStep(),
            report.loss(),
            report.gradientNorm(),
            report.learningRate(),
            rate,
            percent(dataSeconds),
            percent(communicationSeconds),
            MemoryNeed.format(report.memoryPeak()),
            duration(left * seconds / steps)));
  }

  /// Part of the interval in percent. The slowest rank's waits may have begun before rank 0 began its step, hence the limit.
  private double percent(double part) {
    return Math.min(100, 100 * part / seconds);
  }

  static String duration(double seconds) {
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + "s";
    }
    if (whole < 3600) {
      return whole / 60 + "m" + String.format("%02d", whole % 60) + "s";
    }
    return whole / 3600 + "h" + String.format("%02d", whole / 60 % 60) + "m";
  }

  @Override
  public void evaluation(ControlMessage.EvaluationReport report) {
    out.accept(
        String.format(
            Locale.ROOT,
            "eval at step %d | validation loss %.4f | accuracy %.2f%% | %,d rows in %s",
            report.step(),
            report.loss(),
            100 * report.accuracy(),
            report.rows(),
            duration(report.seconds())));
  }

  @Override
  public void checkpointCommitted(long step, String folder, double stallSeconds) {
    out.accept(
        String.format(
            Locale.ROOT,
            "saved step %d to %s (training stood still for %.0f ms)",
            step,
            folder,
            1e3 * stallSeconds));
  }

  @Override
  public void checkpointFailed(long step, String reason) {
    out.accept(
        "the checkpoint of step " + step + " failed and was removed, training goes on: " + reason);
  }

  @Override
  public void ended(RunReport report) {
    if (report.outcome() != RunReport.Outcome.FAILED) {
      out.accept("end     " + report.sentence() + " in " + duration(report.seconds()));
    }
  }
}
