package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Rotary;

/// Cosines and sines of rotary embedding, [time, headWidth / 2] each, kept for the last head width and theta: a model has one of each.
final class RotaryTable implements AutoCloseable {
  private final Workspace memory;
  private int time;
  private int headWidth;
  private double theta;

  RotaryTable(MemoryPool memory) {
    this.memory = new Workspace(memory, 1);
  }

  /// Makes the table cover `spec`.
  void require(Rotary spec) {
    if (spec.time() > time || spec.headWidth() != headWidth || spec.theta() != theta) {
      time = spec.time();
      headWidth = spec.headWidth();
      theta = spec.theta();
      memory.require(Math.max(64, 4L * time * headWidth));
      fill(spec);
    }
  }

  private void fill(Rotary spec) {
    int half = headWidth / 2;
    for (int pair = 0; pair < half; pair++) {
      double frequency = spec.frequency(pair);
      for (int position = 0; position < time; position++) {
        double angle = position * frequency;
        long at = 4L * pair;
        ALL.set(JAVA_FLOAT, cosines(position) + at, (float) StrictMath.cos(angle));
        ALL.set(JAVA_FLOAT, sines(position) + at, (float) StrictMath.sin(angle));
      }
    }
  }

  long cosines(int position) {
    return memory.address(0) + 4L * position * headWidth;
  }

  long sines(int position) {
    return cosines(position) + 2L * headWidth;
  }

  @Override
  public void close() {
    memory.close();
  }
}
