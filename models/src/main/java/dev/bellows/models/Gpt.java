package dev.bellows.models;

import dev.bellows.nn.LayerNorm;
import dev.bellows.nn.Parameter;
import java.util.Optional;
import java.util.stream.IntStream;

/// A language model in GPT-2 style: learned positions, pre-norm blocks of causal attention and a GELU MLP, the head tied to the token table
/// (Radford et al. 2019). Parameter names and first values are those of GPT-2; weights lie [out, in].
public final class Gpt extends LanguageModel {
  private final GptConfig config;

  /// A model of these sizes; allocates nothing.
  public Gpt(GptConfig config) {
    this(
        config,
        table("wte.weight", config.vocabulary(), config.width()),
        LayerNorm.of("ln_f", config.width(), config.bias()));
  }

  private Gpt(GptConfig config, Parameter tokens, LayerNorm norm) {
    super(
        new TokenEmbedding(
            "a GPT",
            config.context(),
            tokens,
            Optional.of(table("wpe.weight", config.context(), config.width())),
            config.dropout()),
        IntStream.range(0, config.layers())
            .mapToObj(layer -> new GptBlock("h." + layer, config))
            .toList(),
        head(norm.parameters(), norm::apply, tokens.tie("lm_head.weight")),
        2);
    this.config = config;
  }

  /// The sizes.
  public GptConfig config() {
    return config;
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
