package dev.bellows.trainer.config;

import java.math.BigInteger;
import java.time.Duration;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Single values as the file writes them, both ways.
final class Text {
  private static final Pattern NUMBER =
      Pattern.compile("[-+]?(\\d[\\d_]*\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");
  private static final Pattern WHOLE = Pattern.compile("[-+]?\\d[\\d_]*");
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9}) ?(ms|s|m|h)");
  private static final Pattern PLAIN =
      Pattern.compile("[A-Za-z./][A-Za-z0-9._/-]*(:[A-Za-z0-9._/-]+)*");

  private Text() {}

  /// What a value of `type` looks like, for "it must be …".
  static String expected(Class<?> type) {
    if (type.isEnum()) {
      return Stream.of(type.getEnumConstants())
          .map(Text::of)
          .collect(Collectors.joining(", ", "one of ", ""));
    } else if (type == int.class || type == Integer.class || type == long.class) {
      return "a whole number";
    } else if (type == double.class || type == OptionalDouble.class) {
      return "a number";
    } else if (type == boolean.class) {
      return "true or false";
    } else if (type == Duration.class) {
      return "a time with its unit: ms, s, m or h, such as 500ms";
    } else if (type == ByteSize.class) {
      return "a size in bytes, or with a unit: k, m, g, t or KiB, MiB, GiB, TiB, such as 2g";
    } else if (type == java.util.List.class) {
      return "a list of whole numbers, such as [1000, 1000]";
    } else if (type == java.util.Map.class) {
      return "a mapping of names to values";
    }
    return "a text";
  }

  /// Reads one value of `type`. Errors: [ConfigException].
  static Object parse(String key, Class<?> type, String text) {
    try {
      if (type == String.class) {
        return text;
      } else if (type.isEnum()) {
        return constant(type, text);
      } else if (type == int.class || type == Integer.class) {
        return Math.toIntExact(whole(text));
      } else if (type == long.class) {
        return whole(text);
      } else if (type == double.class) {
        return number(text);
      } else if (type == OptionalDouble.class) {
        return text.isEmpty() ? OptionalDouble.empty() : OptionalDouble.of(number(text));
      } else if (type == boolean.class) {
        return truth(text);
      } else if (type == Duration.class) {
        return duration(text);
      } else if (type == ByteSize.class) {
        return ByteSize.parse(text);
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw wrong(key, type, text.isEmpty() ? "empty" : "'" + text + "'");
    }
    throw wrong(key, type, "'" + text + "'");
  }

  static ConfigException wrong(String key, Class<?> type, String value) {
    return new ConfigException(key, key + " is " + value + "; it must be " + expected(type));
  }

  private static Object constant(Class<?> type, String text) {
    return Stream.of(type.getEnumConstants())
        .filter(constant -> of(constant).equals(text))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(text));
  }

  private static long whole(String text) {
    if (!WHOLE.matcher(text).matches()) {
      throw new IllegalArgumentException(text);
    }
    return new BigInteger(text.replace("_", "")).longValueExact();
  }

  private static double number(String text) {
    if (!NUMBER.matcher(text).matches()) {
      throw new IllegalArgumentException(text);
    }
    return Double.parseDouble(text.replace("_", ""));
  }

  private static boolean truth(String text) {
    return switch (text) {
      case "true" -> true;
      case "false" -> false;
      // YAML 1.1 also takes yes, no, on and off; a reader of the file would not be sure.
      default -> throw new IllegalArgumentException(text);
    };
  }

  private static Duration duration(String text) {
    Matcher matcher = DURATION.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(text);
    }
    long amount = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(amount);
      case "s" -> Duration.ofSeconds(amount);
      case "m" -> Duration.ofMinutes(amount);
      default -> Duration.ofHours(amount);
    };
  }

  /// The form that [#parse] reads back; a text is not quoted.
  static String of(Object value) {
    return switch (value) {
      // A constant's own text where it has one: 1f1b is no name in Java.
      case Enum<?> constant -> constant.toString().toLowerCase(Locale.ROOT);
      case Duration duration when duration.toMillis() % 1000 == 0 -> duration.toSeconds() + "s";
      case Duration duration -> duration.toMillis() + "ms";
      case OptionalDouble number when number.isPresent() -> Double.toString(number.getAsDouble());
      default -> value.toString();
    };
  }

  /// A text as a YAML scalar: plain when no reader could take it for anything else, else in double quotes with JSON's escapes.
  static String quoted(String text) {
    boolean word = text.matches("(?i)true|false|yes|no|on|off|y|n|null|\\.nan|\\.inf|\\.+");
    if (PLAIN.matcher(text).matches() && !word) {
      return text;
    }
    StringBuilder out = new StringBuilder("\"");
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                case '\t' -> out.append("\\t");
                default -> {
                  if (c >= 0x20 && c <= 0x7E) {
                    out.appendCodePoint(c);
                  } else {
                    out.append(String.format(c <= 0xFFFF ? "\\u%04x" : "\\U%08x", c));
                  }
                }
              }
            });
    return out.append('"').toString();
  }
}
