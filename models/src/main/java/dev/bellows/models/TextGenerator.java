package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Tape;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Continues a sequence of tokens with a [LanguageModel], one token after the other, computing the last `context` tokens anew each time. Threads: one at a
/// time, the backend's caller.
public final class TextGenerator {
  private final Backend backend;
  private final LanguageModel model;

  /// A generator with `model`, whose parameters lie on `backend` as F32.
  public TextGenerator(Backend backend, LanguageModel model) {
    this.backend = backend;
    this.model = model;
  }

  /// `prompt` (at least one id) followed by `length` drawn ids. `temperature` divides the logits, 0 takes the most likely token; only the
  /// `topK` most likely tokens are drawn, 0 means all. The token at position p is a function of the tokens before it, `seed` and p. Errors:
  /// [IllegalArgumentException] when an argument is outside its range.
  public int[] generate(int[] prompt, int length, double temperature, int topK, long seed) {
    check(prompt, length, temperature, topK);
    int[] ids = Arrays.copyOf(prompt, prompt.length + length);
    Philox random = Philox.of(seed, Philox.Purpose.SAMPLING);
    try (Tape tape = Tape.evaluating(backend)) {
      for (int end = prompt.length; end < ids.length; end++) {
        double[] logits =
            logits(tape, Arrays.copyOfRange(ids, Math.max(0, end - model.context()), end));
        ids[end] = Sampling.draw(logits, temperature, topK, random.uniform(end));
      }
    }
    return ids;
  }

  private void check(int[] prompt, int length, double temperature, int topK) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("text generation needs a prompt of at least one token");
    }
    for (int id : prompt) {
      if (id < 0 || id >= model.vocabulary()) {
        throw new IllegalArgumentException(
            "the prompt holds token "
                + id
                + ", but the model knows tokens 0 to "
                + (model.vocabulary() - 1));
      }
    }
    if (length < 0 || topK < 0 || !(temperature >= 0)) {
      throw new IllegalArgumentException(
          "text generation needs length, temperature and topK of at least 0, not "
              + length
              + ", "
              + temperature
              + " and "
              + topK);
    }
  }

  /// Logits of the token behind `window`.
  private double[] logits(Tape tape, int[] window) {
    int vocabulary = model.vocabulary();
    try (Arena arena = Arena.ofConfined();
        Batch batch = batch(arena, window)) {
      Tensor all = model.logits(tape, batch).value();
      MemorySegment host = arena.allocate((long) vocabulary * Float.BYTES, Float.BYTES);
      backend.download(all.slice((window.length - 1L) * vocabulary, vocabulary), host);
      tape.reset();
      double[] last = new double[vocabulary];
      for (int i = 0; i < vocabulary; i++) {
        last[i] = host.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
      return last;
    }
  }

  private Batch batch(Arena arena, int[] window) {
    Tensor inputs = backend.allocate(DType.I32, Shape.of(1, window.length), Category.WORKSPACE);
    backend.upload(arena.allocateFrom(ValueLayout.JAVA_INT, window), inputs);
    return new Batch(inputs, backend.allocate(DType.I32, Shape.of(0), Category.WORKSPACE), 1);
  }
}
