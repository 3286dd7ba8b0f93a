package dev.bellows.parallelism.plan;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Which layer of a model a parameter belongs to, by its name. Units of a model of L layers: 0 is what lies before the first layer, 1 to L are the
/// layers, L + 1 is what lies behind the last.
final class Layers {
  /// A number inside names.
  record Index(Pattern names) {
    static Index of(String names) {
      return new Index(Pattern.compile(names));
    }

    boolean matches(String name) {
      return names.matcher(name).matches();
    }

    int in(String name) {
      Matcher matcher = names.matcher(name);
      if (!matcher.matches()) {
        throw new IllegalStateException("no rule says which layer " + name + " belongs to");
      }
      return Integer.parseInt(matcher.group(1));
    }
  }

  static final Index GPT_LAYER = Index.of("h\\.(\\d+)\\..*");
  static final Index LLAMA_LAYER = Index.of("model\\.layers\\.(\\d+)\\..*");
  static final Index MLP_LAYER = Index.of("layers\\.(\\d+)\\.(?:weight|bias)");

  private static final Pattern BEFORE = Pattern.compile("(wte|wpe|model\\.embed_tokens)\\.weight");

  private Layers() {}

  /// The unit of the parameter `name`.
  static int unit(ModelTraits traits, String name) {
    return switch (traits.family()) {
      case GPT -> decoder(traits, GPT_LAYER, name);
      case LLAMA -> decoder(traits, LLAMA_LAYER, name);
      case MLP -> 1 + MLP_LAYER.in(name);
      case WHOLE -> 1;
    };
  }

  private static int decoder(ModelTraits traits, Index layer, String name) {
    if (layer.matches(name)) {
      return 1 + layer.in(name);
    }
    return BEFORE.matcher(name).matches() ? 0 : traits.layers() + 1;
  }

  /// The name with its layer's number replaced by `*`: what the layers have in common.
  static String pattern(ModelTraits traits, String name) {
    return traits.isDecoder() ? name.replaceFirst("\\.\\d+\\.", ".*.") : name;
  }
}
