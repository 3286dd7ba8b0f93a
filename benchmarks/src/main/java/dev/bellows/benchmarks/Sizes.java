package dev.bellows.benchmarks;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/// The text form of a model's sizes: `key=value,key=value`, after an optional preset.
final class Sizes {
  private Sizes() {}

  /// Reads `text` over `base`; a first word without `=` takes the place of `base` by one of `presets`. Keys come in any order, missing ones
  /// stay. Errors: [IllegalArgumentException] names the key or the preset.
  static Map<String, Integer> parse(
      String kind,
      String text,
      Map<String, Integer> base,
      Map<String, Map<String, Integer>> presets) {
    Map<String, Integer> sizes = new LinkedHashMap<>(base);
    String[] pairs = text.isBlank() ? new String[0] : text.split(",");
    for (int i = 0; i < pairs.length; i++) {
      String[] parts = pairs[i].strip().split("=", 2);
      if (i == 0 && parts.length == 1 && presets.containsKey(parts[0])) {
        sizes.putAll(presets.get(parts[0]));
      } else if (parts.length == 2 && sizes.containsKey(parts[0])) {
        sizes.put(parts[0], number(kind, parts[0], parts[1].strip()));
      } else {
        throw new IllegalArgumentException(
            kind
                + "'s shape has no key '"
                + parts[0]
                + "'; the keys are "
                + String.join(", ", sizes.keySet())
                + ", and the presets to start from are "
                + String.join(", ", presets.keySet()));
      }
    }
    return sizes;
  }

  private static int number(String kind, String key, String value) {
    try {
      return Integer.parseInt(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          kind + "'s " + key + " is a whole number, not '" + value + "'", e);
    }
  }

  /// The form that [#parse] reads.
  static String text(Map<String, Integer> sizes) {
    return sizes.entrySet().stream().map(Object::toString).collect(Collectors.joining(","));
  }
}
