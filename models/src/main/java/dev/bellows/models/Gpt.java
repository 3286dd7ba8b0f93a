package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Initializer;
import dev.bellows.nn.LayerNorm;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A language model in GPT-2 style: learned positions, pre-norm blocks of causal attention and a GELU MLP, the head tied to the token table
/// (Radford et al. 2019). Parameter names and first values are those of GPT-2; weights lie [out, in].
public final class Gpt implements LanguageModel {
  static final double DEVIATION = 0.02;

  private final GptConfig config;
  private final Parameter tokens;
  private final Parameter positions;
  private final List<GptBlock> blocks = new ArrayList<>();
  private final LayerNorm norm;
  private final Parameter head;
  private final List<Parameter> parameters = new ArrayList<>();

  /// A model of these sizes; allocates nothing.
  public Gpt(GptConfig config) {
    this.config = config;
    Initializer normal = Initializer.normal(DEVIATION);
    tokens =
        Parameter.of("wte.weight", Shape.of(config.vocabulary(), config.width()), normal, true);
    positions =
        Parameter.of("wpe.weight", Shape.of(config.context(), config.width()), normal, true);
    for (int layer = 0; layer < config.layers(); layer++) {
      blocks.add(new GptBlock("h." + layer, config));
    }
    norm = LayerNorm.of("ln_f", config.width(), config.bias());
    head = tokens.tie("lm_head.weight");
    parameters.add(tokens);
    parameters.add(positions);
    blocks.forEach(block -> parameters.addAll(block.parameters()));
    parameters.addAll(norm.parameters());
    parameters.add(head);
  }

  /// The sizes.
  public GptConfig config() {
    return config;
  }

  @Override
  public int context() {
    return config.context();
  }

  @Override
  public int vocabulary() {
    return config.vocabulary();
  }

  @Override
  public List<Parameter> parameters() {
    return List.copyOf(parameters);
  }

  /// Logits [samples · time, vocabulary] of token ids I32 [samples, time], time at most the context.
  @Override
  public Variable logits(Tape tape, Batch batch) {
    TokenIds.check("a GPT", config.context(), batch);
    int samples = (int) batch.inputs().shape().dim(0);
    int time = (int) batch.inputs().shape().dim(1);
    long firstRow = batch.firstSample() * time;
    Variable x = tape.embedding(batch.inputs(), tokens, positions);
    x = tape.dropout(x, config.dropout(), "embedding", firstRow);
    for (GptBlock block : blocks) {
      x =
          tape.segment(
              block.name(), x, input -> block.apply(tape, input, samples, time, firstRow));
    }
    return tape.segment(
        "head", x, input -> tape.linear(norm.apply(tape, input), head, Optional.empty()));
  }

  @Override
  public int rowsPerSample() {
    return config.context();
  }

  @Override
  public double flopsPerSample() {
    double width = config.width();
    double context = config.context();
    double products =
        6 * context * (12 * config.layers() * width * width + config.vocabulary() * width);
    // Two products of `width` multiply-adds for each pair of positions that see each other;
    // backward costs twice forward.
    double pairs = context * (context + 1) / 2;
    return products + config.layers() * 3 * 2 * 2 * width * pairs;
  }

  @Override
  public long activationBytes(int samples) {
    long rows = (long) samples * config.context();
    long width = config.width();
    // ln_f keeps its input and output beside a mean and a deviation; the logits become their own
    // gradient.
    long head = 2 * width + 2 + config.vocabulary();
    return Float.BYTES * rows * (config.layers() * GptBlock.savedPerRow(config) + head);
  }

  @Override
  public String toString() {
    return "GPT of "
        + config.layers()
        + " layers, "
        + config.heads()
        + " heads, width "
        + config.width()
        + ", context "
        + config.context()
        + ", vocabulary "
        + config.vocabulary();
  }
}
