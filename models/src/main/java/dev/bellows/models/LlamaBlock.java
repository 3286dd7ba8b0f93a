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

/// A block of a [Llama]. Queries, keys and values come from one product, as do gates and ups.
final class LlamaBlock extends TransformerBlock {
  private final LlamaConfig config;
  private final RmsNorm attentionNorm;
  private final Linear packed;
  private final Linear attentionProjection;
  private final RmsNorm mlpNorm;
  private final Linear gateAndUp;
  private final Linear down;

  LlamaBlock(String name, LlamaConfig config) {
    super(name, config.width(), config.dropout());
    this.config = config;
    int width = config.width();
    double residual = residualDeviation(config.layers());
    attentionNorm = RmsNorm.of(name + ".input_layernorm", width);
    packed = linear(".self_attn.qkv_proj", width, config.packedWidth(), LanguageModel.DEVIATION);
    attentionProjection = linear(".self_attn.o_proj", width, width, residual);
    mlpNorm = RmsNorm.of(name + ".post_attention_layernorm", width);
    gateAndUp =
        linear(".mlp.gate_up_proj", width, 2 * config.intermediate(), LanguageModel.DEVIATION);
    down = linear(".mlp.down_proj", config.intermediate(), width, residual);
  }

  private Linear linear(String suffix, int in, int out, double deviation) {
    return Linear.of(name() + suffix, in, out, Initializer.normal(deviation), Optional.empty());
  }

  @Override
  public List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>(attentionNorm.parameters());
    all.addAll(packed.parameters());
    all.addAll(attentionProjection.parameters());
    all.addAll(mlpNorm.parameters());
    all.addAll(gateAndUp.parameters());
    all.addAll(down.parameters());
    return all;
  }

  @Override
  Variable attention(Tape tape, Variable x, int samples, int time) {
    int keyValueHeads = config.keyValueHeads();
    Attention spec =
        new Attention(samples, time, config.heads(), keyValueHeads, config.headWidth(), true);
    Rotary rotary =
        new Rotary(time, config.heads() + keyValueHeads, config.headWidth(), config.theta(), false);
    Variable heads = packed.apply(tape, attentionNorm.apply(tape, x));
    return attentionProjection.apply(tape, tape.attention(spec, tape.rotary(rotary, heads)));
  }

  @Override
  Variable mlp(Tape tape, Variable x) {
    Variable hidden = gateAndUp.apply(tape, mlpNorm.apply(tape, x));
    return down.apply(tape, tape.swiGlu(hidden));
  }

  @Override
  double weightsPerRow() {
    double width = config.width();
    return width * config.packedWidth() + width * width + 3 * width * config.intermediate();
  }

  @Override
  long savedPerRow() {
    // x and norm(x) twice and attention's output, all of the width; packed heads; gate, up and
    // their product; a log-sum-exp a head; two inverse roots.
    return 5L * config.width()
        + config.packedWidth()
        + 3L * config.intermediate()
        + config.heads()
        + 2;
  }
}
