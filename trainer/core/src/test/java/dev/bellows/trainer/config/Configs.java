package dev.bellows.trainer.config;

import java.util.ArrayList;
import java.util.List;

/// Small configurations for tests.
final class Configs {
  /// Only what must be given, for an MLP.
  static final String MINIMAL =
      "model: {kind: mlp, hidden: [8]}\n"
          + "data: {kind: digits}\n"
          + "batch: {global: 8, micro: 1}\n"
          + "train: {steps: 5}\n";

  /// Only what must be given, for a GPT.
  static final String MINIMAL_GPT =
      "model: {kind: gpt, layers: 1, heads: 2, width: 8, context: 16}\n"
          + "data: {kind: text, path: a.txt}\n"
          + "batch: {global: 8, micro: 1}\n"
          + "train: {steps: 5}\n";

  private Configs() {}

  static RunConfig minimal(String... overrides) {
    return ConfigLoader.load("conf/x.yaml", MINIMAL, List.of(overrides));
  }

  static RunConfig gpt(String... overrides) {
    return ConfigLoader.load("conf/x.yaml", MINIMAL_GPT, List.of(overrides));
  }

  /// The minimal GPT configuration with a section replaced or added.
  static RunConfig gptWith(String section, String keys) {
    return with(MINIMAL_GPT, section, keys);
  }

  /// The minimal MLP configuration with a section replaced or added.
  static RunConfig minimalWith(String section, String keys) {
    return with(MINIMAL, section, keys);
  }

  private static RunConfig with(String base, String section, String keys) {
    List<String> lines =
        new ArrayList<>(base.lines().filter(line -> !line.startsWith(section + ":")).toList());
    lines.add(section + ": " + keys);
    return ConfigLoader.load("conf/x.yaml", String.join("\n", lines), List.of());
  }
}
