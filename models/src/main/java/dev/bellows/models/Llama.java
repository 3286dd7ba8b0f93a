package dev.bellows.models;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.RmsNorm;
import java.util.Optional;
import java.util.stream.IntStream;

/// A language model in Llama style: RMS norms, rotary positions, grouped-query attention, SwiGLU and no biases (Touvron et al. 2023, Ainslie et
/// al. 2023).
///
/// Parameter names are those of Hugging Face's Llama, but for `qkv_proj` (rows of `q_proj`, `k_proj`, `v_proj`) and `gate_up_proj` (rows of
/// `gate_proj`, `up_proj`); weights lie [out, in]. First values are those of [Gpt].
public final class Llama extends LanguageModel {
  private final LlamaConfig config;

  /// A model of these sizes; allocates nothing.
  public Llama(LlamaConfig config) {
    this(
        config,
        table("model.embed_tokens.weight", config.vocabulary(), config.width()),
        RmsNorm.of("model.norm", config.width()));
  }

  private Llama(LlamaConfig config, Parameter tokens, RmsNorm norm) {
    super(
        new TokenEmbedding("a Llama", config.context(), tokens, Optional.empty(), config.dropout()),
        IntStream.range(0, config.layers())
            .mapToObj(layer -> new LlamaBlock("model.layers." + layer, config))
            .toList(),
        head(
            norm.parameters(),
            norm::apply,
            config.tied()
                ? tokens.tie("lm_head.weight")
                : table("lm_head.weight", config.vocabulary(), config.width())),
        1);
    this.config = config;
  }

  /// The sizes.
  public LlamaConfig config() {
    return config;
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
