package dev.bellows.checkpointing;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/// Strict JSON: a duplicate key, a trailing token, a comment or bytes that are no UTF-8 are errors.
final class Json {
  static final ObjectMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(200)
                          .maxDocumentLength(Format.LARGEST_JSON)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private Json() {}

  static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /// Parses an object. Errors: an [IOException] that says what is wrong, without the text itself.
  static ObjectNode parse(byte[] bytes) throws IOException {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("is not UTF-8 text", e);
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw new IOException("is not valid JSON: " + e.getOriginalMessage(), e);
    }
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new IOException("is not a JSON object");
  }

  static byte[] compact(JsonNode node) {
    try {
      return MAPPER.writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON tree can always be written", e);
    }
  }

  static String pretty(JsonNode node) {
    try {
      return MAPPER
          .writerWithDefaultPrettyPrinter()
          .writeValueAsString(node)
          .replace(System.lineSeparator(), "\n");
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON tree can always be written", e);
    }
  }

  /// Reads the fields of one object by name and type, and knows which were never asked for.
  static final class Fields {
    private final ObjectNode node;
    private final Set<String> asked = new HashSet<>();

    Fields(JsonNode node) throws IOException {
      if (!(node instanceof ObjectNode object)) {
        throw new IOException("holds a " + node.getNodeType() + " where an object belongs");
      }
      this.node = object;
    }

    JsonNode node(String key) throws IOException {
      asked.add(key);
      JsonNode value = node.get(key);
      if (value == null) {
        throw new IOException("lacks the key '" + key + "'");
      }
      return value;
    }

    String text(String key) throws IOException {
      return text(key, node(key));
    }

    private static String text(String key, JsonNode value) throws IOException {
      if (!value.isTextual()) {
        throw new IOException("holds no text under '" + key + "'");
      }
      return value.textValue();
    }

    /// A whole number that is 0 or more.
    long number(String key) throws IOException {
      return number(key, node(key));
    }

    private static long number(String key, JsonNode value) throws IOException {
      if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
        throw new IOException("holds no whole number of 0 or more under '" + key + "'");
      }
      return value.longValue();
    }

    ObjectNode object(String key) throws IOException {
      if (node(key) instanceof ObjectNode object) {
        return object;
      }
      throw new IOException("holds no object under '" + key + "'");
    }

    JsonNode array(String key) throws IOException {
      JsonNode value = node(key);
      if (!value.isArray()) {
        throw new IOException("holds no array under '" + key + "'");
      }
      return value;
    }

    long[] numbers(String key) throws IOException {
      JsonNode array = array(key);
      long[] numbers = new long[array.size()];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = number(key, array.get(i));
      }
      return numbers;
    }

    /// Refuses keys that were not asked for.
    void end() throws IOException {
      for (var property : node.properties()) {
        if (!asked.contains(property.getKey())) {
          throw new IOException("holds the unknown key '" + property.getKey() + "'");
        }
      }
    }
  }
}
