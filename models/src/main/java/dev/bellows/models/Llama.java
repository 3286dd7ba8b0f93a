package dev.bellows.models;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Initializer;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.RmsNorm;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A language model in Llama style: RMS norms, rotary positions, grouped-query attention, SwiGLU and no biases (Touvron et al. 2023, Ainslie et
/// al. 2023).
///
/// Parameter names are those of Hugging Face's Llama, but for `qkv_proj` (rows of `q_proj`, `k_proj`, `v_proj`) and `gate_up_proj` (rows of
/// `gate_proj`, `up_proj`); weights lie [out, in]. First values are those of [Gpt].
public final class Llama implements LanguageModel {
  private final LlamaConfig config;
  private final Parameter tokens;
  private final List<LlamaBlock> blocks = new ArrayList<>();
  private final RmsNorm norm;
  private final Parameter head;
  private final List<Parameter> parameters = new ArrayList<>();

  /// A model of these sizes; allocates nothing.
  public Llama(LlamaConfig config) {
    this.config = config;
    Initializer normal = Initializer.normal(Gpt.DEVIATION);
    Shape table = Shape.of(config.vocabulary(), config.width());
    tokens = Parameter.of("model.embed_tokens.weight", table, normal, true);
    for (int layer = 0; layer < config.layers(); layer++) {
      blocks.add(new LlamaBlock("model.layers." + layer, config));
    }
    norm = RmsNorm.of("model.norm", config.width());
    head =
        config.tied()
            ? tokens.tie("lm_head.weight")
            : Parameter.of("lm_head.weight", table, normal, true);
    parameters.add(tokens);
    blocks.forEach(block -> parameters.addAll(block.parameters()));
    parameters.addAll(norm.parameters());
    parameters.add(head);
  }

  /// The sizes.
  public LlamaConfig config() {
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
    TokenIds.check("a Llama", config.context(), batch);
    int samples = (int) batch.inputs().shape().dim(0);
    int time = (int) batch.inputs().shape().dim(1);
    long firstRow = batch.firstSample() * time;
    Variable x = tape.embedding(batch.inputs(), tokens);
    x = tape.dropout(x, config.dropout(), "embedding", firstRow);
    for (LlamaBlock block : blocks) {
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
    double weights =
        config.layers() * LlamaBlock.weightsPerRow(config) + config.vocabulary() * width;
    // Two products of `width` multiply-adds for each pair of positions that see each other; backward costs twice forward.
    double pairs = context * (context + 1) / 2;
    return 6 * context * weights + config.layers() * 3 * 2 * 2 * width * pairs;
  }

  @Override
  public long activationBytes(int samples) {
    long rows = (long) samples * config.context();
    // The last norm keeps its input and output beside an inverse root; the logits become their own gradient.
    long head = 2L * config.width() + 1 + config.vocabulary();
    return Float.BYTES * rows * (config.layers() * LlamaBlock.savedPerRow(config) + head);
  }

  @Override
  public String toString() {
    return "Llama of "
        + config.layers()
        + " layers, "
        + config.heads()
        + " heads ("
        + config.keyValueHeads()
        + " of keys and values), width "
        + config.width()
        + ", context "
        + config.context()
        + ", vocabulary "
        + config.vocabulary();
  }
}
