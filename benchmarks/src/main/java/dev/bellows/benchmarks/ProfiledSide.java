package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A side whose backend's operations are timed; writes the table when it closes.
final class ProfiledSide implements TrainingSide {
  /// Builds the side on the timed backend.
  @FunctionalInterface
  interface Opener {
    TrainingSide open(Backend timed) throws IOException;
  }

  private final TrainingSide side;
  private final OperationTimer timer;
  private final Path file;
  private long steps;
  private long nanos;

  private ProfiledSide(TrainingSide side, OperationTimer timer, Path file) {
    this.side = side;
    this.timer = timer;
    this.file = file;
  }

  static ProfiledSide open(Backend backend, Path file, Opener opener) throws IOException {
    OperationTimer timer = new OperationTimer(backend);
    return new ProfiledSide(opener.open(timer.backend()), timer, file);
  }

  /// Starts counting anew.
  void reset() {
    timer.reset();
    steps = 0;
    nanos = 0;
  }

  @Override
  public double step() {
    long start = System.nanoTime();
    double loss = side.step();
    nanos += System.nanoTime() - start;
    steps++;
    return loss;
  }

  @Override
  public float[] logits() {
    return side.logits();
  }

  @Override
  public float[] gradient(Weight weight) {
    return side.gradient(weight);
  }

  @Override
  public float[] value(Weight weight) {
    return side.value(weight);
  }

  @Override
  public double productRate(long loopNanos) {
    return side.productRate(loopNanos);
  }

  @Override
  public long nativeAllocations() {
    return side.nativeAllocations();
  }

  @Override
  public String description() {
    return side.description();
  }

  @Override
  public void close() {
    List<OperationTimer.Entry> entries = timer.entries();
    side.close();
    try {
      Files.write(file, table(entries));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<String> table(List<OperationTimer.Entry> entries) {
    double inside = entries.stream().mapToDouble(OperationTimer.Entry::millis).sum();
    List<String> lines = new ArrayList<>();
    lines.add(String.format(Locale.ROOT, "%9s %9s %6s", "ms", "cpu ms", "calls"));
    lines.add(line(nanos / 1e6, Double.NaN, steps, "whole step"));
    lines.add(line(nanos / 1e6 - inside, Double.NaN, steps, "outside of the backend"));
    for (OperationTimer.Entry entry : entries) {
      lines.add(line(entry.millis(), entry.processorMillis(), entry.calls(), entry.name()));
    }
    return lines;
  }

  private String line(double millis, double processorMillis, long calls, String name) {
    double count = Math.max(1, steps);
    return String.format(
        Locale.ROOT,
        "%9.2f %9.2f %6.1f  %s",
        millis / count,
        processorMillis / count,
        calls / count,
        name);
  }
}
