package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/// A model of token sequences: logits [samples · time, vocabulary] of token ids I32 [samples, time], time at most the context. A token table,
/// transformer blocks, a last norm and a head.
public abstract sealed class LanguageModel implements Model permits Gpt, Llama {
  /// Standard deviation of first weights.
  static final double DEVIATION = 0.02;

  private final TokenEmbedding embedding;
  private final List<? extends TransformerBlock> blocks;
  private final SegmentUnit head;
  private final int normStatistics;
  private final List<Unit> units = new ArrayList<>();

  /// A model of these units. `normStatistics`: elements beside its input that the last norm keeps of each row.
  LanguageModel(
      TokenEmbedding embedding,
      List<? extends TransformerBlock> blocks,
      SegmentUnit head,
      int normStatistics) {
    this.embedding = embedding;
    this.blocks = List.copyOf(blocks);
    this.head = head;
    this.normStatistics = normStatistics;
    units.add(embedding);
    units.addAll(blocks);
    units.add(head);
  }

  /// A table of `rows` rows, normal first values, decayed.
  static Parameter table(String name, int rows, int width) {
    return Parameter.of(name, Shape.of(rows, width), Initializer.normal(DEVIATION), true);
  }

  /// What lies behind the blocks: a norm of these parameters, recorded by `norm`, and the product with `weight` [vocabulary, width].
  static SegmentUnit head(
      List<Parameter> normParameters, BiFunction<Tape, Variable, Variable> norm, Parameter weight) {
    List<Parameter> parameters = new ArrayList<>(normParameters);
    parameters.add(weight);
    return new SegmentUnit(
        "head",
        Unit.Position.BEHIND,
        parameters,
        Math.toIntExact(weight.shape().dim(0)),
        (tape, x) -> tape.linear(norm.apply(tape, x), weight, Optional.empty()));
  }

  /// Most positions of a sequence.
  public final int context() {
    return embedding.context();
  }

  /// Token ids are 0 to vocabulary - 1.
  public final int vocabulary() {
    return head.width();
  }

  @Override
  public final List<Unit> units() {
    return List.copyOf(units);
  }

  @Override
  public final int rowsPerSample() {
    return context();
  }

  @Override
  public final double flopsPerSample() {
    double width = embedding.width();
    double context = context();
    double weights =
        blocks.stream().mapToDouble(TransformerBlock::weightsPerRow).sum() + vocabulary() * width;
    // Two products of `width` multiply-adds for each pair of positions that see each other;
    // backward costs twice forward.
    double pairs = context * (context + 1) / 2;
    return 6 * context * weights + blocks.size() * 3 * 2 * 2 * width * pairs;
  }

  @Override
  public final long activationBytes(int samples) {
    long rows = (long) samples * context();
    long inBlocks = blocks.stream().mapToLong(TransformerBlock::savedPerRow).sum();
    // The last norm keeps its input and output; the logits become their own gradient.
    long inHead = 2L * embedding.width() + normStatistics + vocabulary();
    return Float.BYTES * rows * (inBlocks + inHead);
  }
}
