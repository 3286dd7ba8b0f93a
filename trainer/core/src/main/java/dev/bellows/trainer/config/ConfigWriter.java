package dev.bellows.trainer.config;

import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/// Writes a resolved configuration as YAML: every key that has a meaning, in the records' order.
final class ConfigWriter {
  private ConfigWriter() {}

  static String write(RunConfig config) {
    StringBuilder out = new StringBuilder();
    for (RecordComponent component : RunConfig.class.getRecordComponents()) {
      Object value = value(component, config);
      if (value instanceof Record section) {
        out.append(component.getName()).append(":\n");
        section(section, out);
      } else {
        out.append(component.getName()).append(": ").append(Text.of(value)).append('\n');
      }
    }
    return out.toString();
  }

  private static void section(Record section, StringBuilder out) {
    RecordComponent[] components = section.getClass().getRecordComponents();
    Object kind = value(components[0], section);
    for (RecordComponent component : components) {
      if (Binder.applies(component, kind)) {
        out.append("  ")
            .append(component.getName())
            .append(": ")
            .append(text(value(component, section)))
            .append('\n');
      }
    }
  }

  private static String text(Object value) {
    return switch (value) {
      case String text -> Text.quoted(text);
      case List<?> list ->
          list.stream()
              .map(item -> item instanceof Record entry ? entry(entry) : item.toString())
              .collect(Collectors.joining(", ", "[", "]"));
      case Map<?, ?> map when map.isEmpty() -> "{}";
      case Map<?, ?> map ->
          map.entrySet().stream()
              .map(
                  entry ->
                      "\n    "
                          + Text.quoted(entry.getKey().toString())
                          + ": "
                          + Text.quoted(entry.getValue().toString()))
              .collect(Collectors.joining());
      default -> Text.of(value);
    };
  }

  /// An item of a list, on one line; what was left out stays so.
  private static String entry(Record item) {
    List<String> keys = new ArrayList<>();
    for (RecordComponent component : item.getClass().getRecordComponents()) {
      Object value = value(component, item);
      if (!OptionalDouble.empty().equals(value)) {
        keys.add(component.getName() + ": " + text(value));
      }
    }
    return "{" + String.join(", ", keys) + "}";
  }

  private static Object value(RecordComponent component, Record of) {
    try {
      return component.getAccessor().invoke(of);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("key " + component.getName() + " could not be read", e);
    }
  }
}
