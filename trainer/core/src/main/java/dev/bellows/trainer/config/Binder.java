package dev.bellows.trainer.config;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Turns a [Node] into records: component names are the keys, [Default] fills what is left out.
final class Binder {
  private Binder() {}

  /// The record of `type` that `mapping` describes; `prefix` is its dotted name with a dot, empty for the whole configuration.
  static <R extends Record> R bind(Class<R> type, String prefix, Node.Mapping mapping) {
    mapping
        .entries()
        .forEach(
            (name, node) -> {
              if (Keys.component(type, name).isEmpty()) {
                throw Keys.unknown(prefix + name).in(node.source());
              }
            });
    RecordComponent[] components = type.getRecordComponents();
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      String key = prefix + components[i].getName();
      Node node = mapping.entries().get(components[i].getName());
      if (prefix.isEmpty() && components[i].getType().isRecord()) {
        values[i] =
            section(components[i].getType().asSubclass(Record.class), key, node, mapping.source());
      } else if (applies(components[i], values[0])) {
        values[i] = value(components[i], key, node, mapping.source(), values[0]);
      } else {
        values[i] = meaningless(components[i], key, node, Text.of(values[0]));
      }
    }
    try {
      return construct(type, components, values);
    } catch (ConfigException e) {
      throw e.in(
          place(
              mapping, e.key().startsWith(prefix) ? e.key().substring(prefix.length()) : e.key()));
    }
  }

  private static Record section(
      Class<? extends Record> type, String key, Node node, String source) {
    Node given =
        node == null
            ? new Node.Mapping(new LinkedHashMap<>(), source)
            : Overrides.asSection(type, node);
    if (given instanceof Node.Mapping mapping) {
      return bind(type, key + ".", mapping);
    }
    throw Overrides.notSection(key, given);
  }

  /// Whether a key has a meaning in a section whose first key, the kind, is `kind`.
  static boolean applies(RecordComponent component, Object kind) {
    ForKind kinds = component.getAnnotation(ForKind.class);
    return kinds == null || Arrays.asList(kinds.value()).contains(Text.of(kind));
  }

  private static Object meaningless(
      RecordComponent component, String key, Node given, String kind) {
    if (given != null) {
      String section = key.substring(0, key.indexOf('.'));
      String kinds = String.join(" or ", component.getAnnotation(ForKind.class).value());
      throw new ConfigException(
              key,
              key
                  + " has no meaning for "
                  + section
                  + ".kind "
                  + kind
                  + ", only for "
                  + kinds
                  + "; leave it out")
          .in(given.source());
    }
    return component.isAnnotationPresent(Default.class)
        ? fallback(component, key, "")
        : nothing(component.getType());
  }

  private static Object nothing(Class<?> type) {
    if (type == List.class) {
      return List.of();
    }
    return type == String.class ? "" : Text.parse("", type, type == boolean.class ? "false" : "0");
  }

  private static Object fallback(RecordComponent component, String key, String kind) {
    Default fallback = component.getAnnotation(Default.class);
    if (component.getType() == Map.class) {
      return Map.of();
    } else if (component.getType() == List.class) {
      return List.of();
    }
    String text =
        Arrays.stream(fallback.perKind())
            .filter(entry -> entry.startsWith(kind + "="))
            .map(entry -> entry.substring(kind.length() + 1))
            .findFirst()
            .orElse(fallback.value());
    return Text.parse(key, component.getType(), text);
  }

  private static Object value(
      RecordComponent component, String key, Node node, String source, Object kind) {
    if (node != null) {
      try {
        Optional<Class<? extends Record>> items = Keys.items(component);
        return items.isPresent()
            ? records(items.get(), key, node)
            : convert(component.getType(), key, node);
      } catch (ConfigException e) {
        throw e.in(node.source());
      }
    }
    if (!component.isAnnotationPresent(Default.class)) {
      throw new ConfigException(
              key, key + " is missing; it must be " + Text.expected(component.getType()))
          .in(source);
    }
    return fallback(component, key, kind == null ? "" : Text.of(kind));
  }

  /// A list of mappings, each a record of `type`.
  private static List<Object> records(Class<? extends Record> type, String key, Node node) {
    String expected = "; it must be a list of mappings, such as [{match: \"*.bias\"}]";
    if (!(node instanceof Node.Sequence sequence)) {
      throw new ConfigException(key, key + " is " + node.shown() + expected);
    }
    List<Object> items = new ArrayList<>();
    for (Node item : sequence.items()) {
      if (!(item instanceof Node.Mapping mapping)) {
        throw new ConfigException(key, key + " holds " + item.shown() + expected);
      }
      items.add(bind(type, key + ".", mapping));
    }
    return items;
  }

  private static Object convert(Class<?> type, String key, Node node) {
    if (type == List.class && node instanceof Node.Sequence sequence) {
      List<Object> items = new ArrayList<>();
      for (Node item : sequence.items()) {
        items.add(convert(Integer.class, key, item));
      }
      return items;
    } else if (type == Map.class && node instanceof Node.Mapping mapping) {
      Map<String, Object> entries = new LinkedHashMap<>();
      mapping
          .entries()
          .forEach(
              (name, value) -> entries.put(name, convert(String.class, key + "." + name, value)));
      return entries;
    } else if (type != List.class && type != Map.class && node instanceof Node.Scalar scalar) {
      return Text.parse(key, type, scalar.text());
    }
    throw Text.wrong(key, type, node.shown());
  }

  private static <R extends Record> R construct(
      Class<R> type, RecordComponent[] components, Object[] values) {
    Class<?>[] types =
        Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
    try {
      return type.getDeclaredConstructor(types).newInstance(values);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof ConfigException cause) {
        throw cause;
      }
      throw new IllegalStateException(
          "the section " + type.getSimpleName() + " could not be made", e.getCause());
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "the section " + type.getSimpleName() + " could not be made", e);
    }
  }

  /// Where the value of `key` was written, or the mapping's own source when it was left out.
  private static String place(Node.Mapping mapping, String key) {
    int dot = key.indexOf('.');
    Node node = mapping.entries().get(dot < 0 ? key : key.substring(0, dot));
    if (node instanceof Node.Mapping inner && dot >= 0) {
      return place(inner, key.substring(dot + 1));
    }
    return node == null ? mapping.source() : node.source();
  }
}
