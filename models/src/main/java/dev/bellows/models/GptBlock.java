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

/// One pre-norm transformer block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
final class GptBlock {
  private final String name;
  private final GptConfig config;
  private final LayerNorm attentionNorm;
  private final Linear packed;
  private final Linear attentionProjection;
  private final LayerNorm mlpNorm;
  private final Linear expand;
  private final Linear mlpProjection;

  GptBlock(String name, GptConfig config) {
    this.name = name;
    this.config = config;
    int width = config.width();
    // The residual sum has two terms a block; their variance is kept at that of one.
    double residual = Gpt.DEVIATION / Math.sqrt(2.0 * config.layers());
    attentionNorm = LayerNorm.of(name + ".ln_1", width, config.bias());
    packed = linear(".attn.c_attn", width, 3 * width, Gpt.DEVIATION);
    attentionProjection = linear(".attn.c_proj", width, width, residual);
    mlpNorm = LayerNorm.of(name + ".ln_2", width, config.bias());
    expand = linear(".mlp.c_fc", width, 4 * width, Gpt.DEVIATION);
    mlpProjection = linear(".mlp.c_proj", 4 * width, width, residual);
  }

  private Linear linear(String suffix, int in, int out, double deviation) {
    Optional<Initializer> bias =
        config.bias() ? Optional.of(Initializer.constant(0)) : Optional.empty();
    return Linear.of(name + suffix, in, out, Initializer.normal(deviation), bias);
  }

  String name() {
    return name;
  }

  /// In forward order.
  List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>(attentionNorm.parameters());
    all.addAll(packed.parameters());
    all.addAll(attentionProjection.parameters());
    all.addAll(mlpNorm.parameters());
    all.addAll(expand.parameters());
    all.addAll(mlpProjection.parameters());
    return all;
  }

  /// Records the block; uses `x` [samples · time, width] up, whose first row is the run's row `firstRow`.
  Variable apply(Tape tape, Variable x, int samples, int time, long firstRow) {
    int headWidth = config.width() / config.heads();
    Attention spec = new Attention(samples, time, config.heads(), config.heads(), headWidth, true);
    Variable branch = packed.apply(tape, attentionNorm.apply(tape, tape.fork(x)));
    branch = attentionProjection.apply(tape, tape.attention(spec, branch));
    branch = tape.dropout(branch, config.dropout(), name + ".attention", firstRow);
    Variable middle = tape.add(x, branch);
    Variable hidden = tape.gelu(expand.apply(tape, mlpNorm.apply(tape, tape.fork(middle))));
    branch = mlpProjection.apply(tape, hidden);
    branch = tape.dropout(branch, config.dropout(), name + ".mlp", firstRow);
    return tape.add(middle, branch);
  }

  /// Elements that backward needs of each row.
  static long savedPerRow(GptConfig config) {
    // Widths: x and norm(x) twice, 3 packed, attention's output, 4 before and 4 after the GELU; a
    // log-sum-exp a head; two means and deviations.
    return 16L * config.width() + config.heads() + 4;
  }
}
