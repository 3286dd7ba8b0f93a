package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Philox.Purpose;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// Windows of `context` bytes of a text; the target of each byte is the next one. Thread-safe: the text is never written.
final class TextDataset implements Dataset {
  private final byte[] text;
  private final int start;
  private final int end;
  private final int context;
  private final Philox shifts;
  private final boolean shifted;
  private final long samples;
  private final SampleLayout layout;

  private TextDataset(
      byte[] text,
      int start,
      int end,
      int context,
      int classes,
      Philox shifts,
      boolean shifted,
      long samples) {
    this.text = text;
    this.start = start;
    this.end = end;
    this.context = context;
    this.shifts = shifts;
    this.shifted = shifted;
    this.samples = samples;
    this.layout = new SampleLayout(DType.I32, context, context, classes);
  }

  /// Bytes [start, end) for training: non-overlapping windows, all moved by the same random offset below `context` in each epoch, so that
  /// their borders fall elsewhere every time. `end - start` is at least 2·`context`.
  static TextDataset train(byte[] text, int start, int end, int context, int classes, long seed) {
    long samples = ((long) end - start - context) / context;
    return new TextDataset(
        text,
        start,
        end,
        context,
        classes,
        Philox.of(seed, Purpose.DATA_AUGMENTATION),
        true,
        samples);
  }

  /// Bytes [start, end) for validation: non-overlapping windows in which every byte but the first is a target once; the last one is filled up
  /// with ignored targets. `end - start` is at least 2.
  static TextDataset validation(byte[] text, int start, int end, int context, int classes) {
    long samples = Math.ceilDiv(end - start - 1, context);
    return new TextDataset(
        text,
        start,
        end,
        context,
        classes,
        Philox.of(0, Purpose.DATA_AUGMENTATION),
        false,
        samples);
  }

  @Override
  public long samples() {
    return samples;
  }

  @Override
  public SampleLayout layout() {
    return layout;
  }

  @Override
  public void read(long epoch, long index, MemorySegment inputs, MemorySegment targets) {
    Objects.checkIndex(index, samples);
    int shift = shifted ? (int) shifts.below(epoch, context) : 0;
    int first = start + shift + Math.toIntExact(index * context);
    int length = Math.min(context, end - 1 - first);
    for (int i = 0; i < length; i++) {
      inputs.setAtIndex(JAVA_INT, i, text[first + i] & 0xFF);
      targets.setAtIndex(JAVA_INT, i, text[first + i + 1] & 0xFF);
    }
    for (int i = length; i < context; i++) {
      inputs.setAtIndex(JAVA_INT, i, 0);
      targets.setAtIndex(JAVA_INT, i, SampleLayout.IGNORED);
    }
  }
}
