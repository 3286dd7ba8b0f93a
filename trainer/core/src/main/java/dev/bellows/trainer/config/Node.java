package dev.bellows.trainer.config;

import java.util.List;
import java.util.Map;

/// A YAML document before its values have types.
sealed interface Node {
  /// Where it was written: a file, or an override.
  String source();

  /// One value, as its raw text, so that a name such as `007` keeps its zeros.
  record Scalar(String text, String source) implements Node {}

  /// A list.
  record Sequence(List<Node> items, String source) implements Node {}

  /// Keys in file order. The map may be changed while overrides are applied.
  record Mapping(Map<String, Node> entries, String source) implements Node {}

  /// How the node is shown in an error.
  default String shown() {
    return switch (this) {
      case Scalar scalar -> scalar.text().isEmpty() ? "empty" : "'" + scalar.text() + "'";
      case Sequence sequence -> "a list of " + sequence.items().size();
      case Mapping mapping ->
          "a mapping with the keys " + String.join(", ", mapping.entries().keySet());
    };
  }
}
