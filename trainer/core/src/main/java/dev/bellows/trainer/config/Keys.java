package dev.bellows.trainer.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The keys that a configuration may have, as the records' components say.
final class Keys {
  private static final List<String> ALL = all();

  private Keys() {}

  /// Dotted names of all keys, in file order.
  private static List<String> all() {
    List<String> keys = new ArrayList<>();
    for (RecordComponent section : RunConfig.class.getRecordComponents()) {
      if (section.getType().isRecord()) {
        for (RecordComponent key : section.getType().getRecordComponents()) {
          String name = section.getName() + "." + key.getName();
          keys.add(name);
          items(key)
              .ifPresent(
                  type -> {
                    for (RecordComponent item : type.getRecordComponents()) {
                      keys.add(name + "." + item.getName());
                    }
                  });
        }
      } else {
        keys.add(section.getName());
      }
    }
    return List.copyOf(keys);
  }

  /// The component of `type` called `name`.
  static Optional<RecordComponent> component(Class<?> type, String name) {
    return Arrays.stream(type.getRecordComponents())
        .filter(component -> component.getName().equals(name))
        .findFirst();
  }

  /// The type of the items of a component that is a list of records.
  static Optional<Class<? extends Record>> items(RecordComponent component) {
    return component.getGenericType() instanceof ParameterizedType list
            && list.getRawType() == List.class
            && list.getActualTypeArguments()[0] instanceof Class<?> item
            && item.isRecord()
        ? Optional.of(item.asSubclass(Record.class))
        : Optional.empty();
  }

  /// The error for a key that is none, with the nearest one.
  static ConfigException unknown(String key) {
    String lower = key.toLowerCase(Locale.ROOT);
    String nearest =
        ALL.stream().min(Comparator.comparingInt(known -> distance(lower, known))).orElseThrow();
    return new ConfigException(key, "unknown key " + key + "; did you mean " + nearest + "?");
  }

  /// Edits from one dotted key to another. A right name in a wrong section is taken to be near.
  private static int distance(String key, String known) {
    String other = known.toLowerCase(Locale.ROOT);
    int whole = edits(key, other);
    int last =
        edits(key.substring(key.lastIndexOf('.') + 1), other.substring(other.lastIndexOf('.') + 1));
    return Math.min(whole, last + 2);
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  static int edits(String a, String b) {
    int[][] cost = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          cost[i][j] = i + j;
          continue;
        }
        int replaced = cost[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        cost[i][j] = Math.min(replaced, 1 + Math.min(cost[i - 1][j], cost[i][j - 1]));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          cost[i][j] = Math.min(cost[i][j], 1 + cost[i - 2][j - 2]);
        }
      }
    }
    return cost[a.length()][b.length()];
  }
}
