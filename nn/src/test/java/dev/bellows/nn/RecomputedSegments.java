package dev.bellows.nn;

import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Saves a segment's input only and computes the rest again when backward first asks: the proof that recomputation needs nothing but
/// [SavedTensors].
public final class RecomputedSegments implements SavedTensors {
  private static final class Segment {
    private final Optional<Tensor> input;
    private final Optional<Replay> replay;
    private final List<Tensor> tensors = new ArrayList<>();
    private int saved;
    private boolean recomputed;

    Segment(Optional<Tensor> input, Optional<Replay> replay) {
      this.input = input;
      this.replay = replay;
    }
  }

  private final Segment outside = new Segment(Optional.empty(), Optional.empty());
  private Segment current = outside;
  private boolean replaying;

  @Override
  public void enter(String segment) {
    throw new AssertionError("the tape names the input");
  }

  @Override
  public void enter(String segment, Tensor input, Replay replay) {
    current = new Segment(Optional.of(input.retain()), Optional.of(replay));
  }

  @Override
  public void exit() {
    current = outside;
  }

  @Override
  public Handle save(Tensor tensor) {
    if (current == outside) {
      return SavedTensors.keep().save(tensor);
    }
    if (replaying) {
      current.tensors.add(tensor);
      return new Recomputed(current, current.tensors.size() - 1);
    }
    tensor.release();
    return new Recomputed(current, current.saved++);
  }

  private final class Recomputed implements Handle {
    private final Segment segment;
    private final int index;

    Recomputed(Segment segment, int index) {
      this.segment = segment;
      this.index = index;
    }

    @Override
    public Tensor fetch() {
      if (!segment.recomputed) {
        segment.recomputed = true;
        current = segment;
        replaying = true;
        try (Tensor input = segment.input.orElseThrow()) {
          segment.replay.orElseThrow().run(input);
        } finally {
          replaying = false;
          current = outside;
        }
      }
      return segment.tensors.get(index);
    }

    @Override
    public void discard() {
      throw new AssertionError("these tests always walk back");
    }
  }
}
