package dev.bellows.trainer.config;

import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Lays `key=value` pairs over a document.
final class Overrides {
  private Overrides() {}

  /// Applies `pairs` in order to `root`. The value is YAML; a single value for a section goes to the section's first key, so that `workers=8` is
  /// `workers.count=8`.
  static void apply(Node.Mapping root, List<String> pairs) {
    for (String pair : pairs) {
      apply(root, pair);
    }
  }

  private static void apply(Node.Mapping root, String pair) {
    int equals = pair.indexOf('=');
    String source = "override " + pair;
    if (equals < 1) {
      throw new ConfigException(
          "", "'" + pair + "' is no override; it must be key=value, such as workers.count=2");
    }
    String key = pair.substring(0, equals).strip();
    String text = pair.substring(equals + 1);
    put(root, key, text.isBlank() ? new Node.Scalar(text.strip(), source) : value(source, text));
  }

  /// Most values are plain words and numbers; only what YAML gives a structure or quotes goes through its parser, so that `a: b` or `#x`
  /// inside a plain value needs no second quoting on the command line.
  private static Node value(String source, String text) {
    char first = text.strip().charAt(0);
    return "[{\"'".indexOf(first) >= 0
        ? YamlReader.read(source, text)
        : new Node.Scalar(text.strip(), source);
  }

  private static void put(Node.Mapping root, String key, Node value) {
    int dot = key.indexOf('.');
    String section = dot < 0 ? key : key.substring(0, dot);
    RecordComponent component =
        Keys.component(RunConfig.class, section)
            .orElseThrow(() -> Keys.unknown(key).in(value.source()));
    if (!component.getType().isRecord()) {
      if (dot >= 0) {
        throw Keys.unknown(key).in(value.source());
      }
      root.entries().put(section, value);
      return;
    }
    Node.Mapping inner = section(root, section, value.source());
    if (dot >= 0) {
      putInSection(inner, component.getType(), key.substring(dot + 1), value);
    } else if (asSection(component.getType(), value) instanceof Node.Mapping given) {
      inner.entries().putAll(given.entries());
    } else {
      throw notSection(section, value);
    }
  }

  /// `spark.conf.spark.executor.memory=2g` names one entry of a mapping.
  private static void putInSection(Node.Mapping section, Class<?> type, String name, Node value) {
    int dot = name.indexOf('.');
    boolean entry =
        dot > 0
            && Keys.component(type, name.substring(0, dot))
                .filter(key -> key.getType() == Map.class)
                .isPresent();
    if (!entry) {
      section.entries().put(name, value);
    } else if (section
            .entries()
            .computeIfAbsent(
                name.substring(0, dot),
                key -> new Node.Mapping(new LinkedHashMap<>(), value.source()))
        instanceof Node.Mapping mapping) {
      mapping.entries().put(name.substring(dot + 1), value);
    }
  }

  private static Node.Mapping section(Node.Mapping root, String name, String source) {
    Class<?> type = Keys.component(RunConfig.class, name).orElseThrow().getType();
    Node present =
        root.entries()
            .computeIfAbsent(name, key -> new Node.Mapping(new LinkedHashMap<>(), source));
    if (asSection(type, present) instanceof Node.Mapping mapping) {
      root.entries().put(name, mapping);
      return mapping;
    }
    throw notSection(name, present);
  }

  /// A single value for a section stands for the section's first key; an empty one for a section without keys.
  static Node asSection(Class<?> type, Node value) {
    if (value instanceof Node.Scalar scalar) {
      Map<String, Node> entries = new LinkedHashMap<>();
      if (!scalar.text().isEmpty()) {
        entries.put(type.getRecordComponents()[0].getName(), scalar);
      }
      return new Node.Mapping(entries, scalar.source());
    }
    return value;
  }

  static ConfigException notSection(String name, Node value) {
    return new ConfigException(
            name, name + " is " + value.shown() + "; it must be a mapping of keys to values")
        .in(value.source());
  }
}
