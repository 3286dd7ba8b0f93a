package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.LayerNorm;
import dev.bellows.nn.Linear;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Attention;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A block of a [Gpt].
final class GptBlock extends TransformerBlock {
  private final GptConfig config;
  private final LayerNorm attentionNorm;
  private final Linear packed;
  private final Linear attentionProjection;
  private final LayerNorm mlpNorm;
  private final Linear expand;
  private final Linear mlpProjection;

  GptBlock(String name, GptConfig config) {
    super(name, config.width(), config.dropout());
    this.config = config;
    int width = config.width();
    double residual = residualDeviation(config.layers());
    attentionNorm = LayerNorm.of(name + ".ln_1", width, config.bias());
    packed = linear(".attn.c_attn", width, 3 * width, LanguageModel.DEVIATION);
    attentionProjection = linear(".attn.c_proj", width, width, residual);
    mlpNorm = LayerNorm.of(name + ".ln_2", width, config.bias());
    expand = linear(".mlp.c_fc", width, 4 * width, LanguageModel.DEVIATION);
    mlpProjection = linear(".mlp.c_proj", 4 * width, width, residual);
  }

  private Linear linear(String suffix, int in, int out, double deviation) {
    Optional<Initializer> bias =
        config.bias() ? Optional.of(Initializer.constant(0)) : Optional.empty();
    return Linear.of(name() + suffix, in, out, Initializer.normal(deviation), bias);
  }

  @Override
  public List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>(attentionNorm.parameters());
    all.addAll(packed.parameters());
    all.addAll(attentionProjection.parameters());
    all.addAll(mlpNorm.parameters());
    all.addAll(expand.parameters());
    all.addAll(mlpProjection.parameters());
    return all;
  }

  @Override
  Variable attention(Tape tape, Variable x, int samples, int time) {
    int headWidth = config.width() / config.heads();
    Attention spec = new Attention(samples, time, config.heads(), config.heads(), headWidth, true);
    Variable heads = packed.applyAsOperand(tape, attentionNorm.apply(tape, x));
    return attentionProjection.apply(tape, tape.attention(spec, heads));
  }

  @Override
  Variable mlp(Tape tape, Variable x) {
    Variable hidden = tape.gelu(expand.applyAsOperand(tape, mlpNorm.apply(tape, x)));
    return mlpProjection.apply(tape, hidden);
  }

  @Override
  double weightsPerRow() {
    return 12.0 * config.width() * config.width();
  }

  @Override
  long savedPerRow() {
    // Widths: x and norm(x) twice, 3 packed, attention's output, 4 before and 4 after the GELU; a
    // log-sum-exp a head; two means and deviations.
    return 16L * config.width() + config.heads() + 4;
  }
}
