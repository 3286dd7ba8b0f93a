package dev.bellows.models;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Linear;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.RmsNorm;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Rotary;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One pre-norm block of a [Llama]: `x + attention(norm(x))`, then `x + mlp(norm(x))`. Queries, keys and values come from one product, as do gates
/// and ups.
final class LlamaBlock {
  private final String name;
  private final LlamaConfig config;
  private final RmsNorm attentionNorm;
  private final Linear packed;
  private final Linear attentionProjection;
  private final RmsNorm mlpNorm;
  private final Linear gateAndUp;
  private final Linear down;

  LlamaBlock(String name, LlamaConfig config) {
    this.name = name;
    this.config = config;
    int width = config.width();
    // The residual sum has two terms a block; their variance is kept at that of one.
    double residual = Gpt.DEVIATION / Math.sqrt(2.0 * config.layers());
    attentionNorm = RmsNorm.of(name + ".input_layernorm", width);
    packed = linear(".self_attn.qkv_proj", width, config.packedWidth(), Gpt.DEVIATION);
    attentionProjection = linear(".self_attn.o_proj", width, width, residual);
    mlpNorm = RmsNorm.of(name + ".post_attention_layernorm", width);
    gateAndUp = linear(".mlp.gate_up_proj", width, 2 * config.intermediate(), Gpt.DEVIATION);
    down = linear(".mlp.down_proj", config.intermediate(), width, residual);
  }

  private Linear linear(String suffix, int in, int out, double deviation) {
    return Linear.of(name + suffix, in, out, Initializer.normal(deviation), Optional.empty());
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
    all.addAll(gateAndUp.parameters());
    all.addAll(down.parameters());
    return all;
  }

  /// Records the block; uses `x` [samples · time, width] up, whose first row is the run's row `firstRow`.
  Variable apply(Tape tape, Variable x, int samples, int time, long firstRow) {
    int keyValueHeads = config.keyValueHeads();
    Attention spec =
        new Attention(samples, time, config.heads(), keyValueHeads, config.headWidth(), true);
    Rotary rotary =
        new Rotary(
            time, config.heads() + keyValueHeads, config.headWidth(), config.theta(), false);
    Variable branch = packed.apply(tape, attentionNorm.apply(tape, tape.fork(x)));
    branch = tape.attention(spec, tape.rotary(rotary, branch));
    branch = attentionProjection.apply(tape, branch);
    branch = tape.dropout(branch, config.dropout(), name + ".attention", firstRow);
    Variable middle = tape.add(x, branch);
    Variable hidden = gateAndUp.apply(tape, mlpNorm.apply(tape, tape.fork(middle)));
    branch = down.apply(tape, tape.swiGlu(hidden));
    branch = tape.dropout(branch, config.dropout(), name + ".mlp", firstRow);
    return tape.add(middle, branch);
  }

  /// Weights that are multiplied with each row.
  static double weightsPerRow(LlamaConfig config) {
    double width = config.width();
    return width * config.packedWidth() + width * width + 3 * width * config.intermediate();
  }

  /// Elements that backward needs of each row.
  static long savedPerRow(LlamaConfig config) {
    // x and norm(x) twice and attention's output, all of the width; packed heads; gate, up and their product; a log-sum-exp a head; two
    // inverse roots.
    return 5L * config.width()
        + config.packedWidth()
        + 3L * config.intermediate()
        + config.heads()
        + 2;
  }
}
