package dev.bellows.trainer.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Parses one YAML document to a [Node]. Duplicate keys, aliases and second documents are refused.
final class YamlReader {
  private static final YAMLFactory FACTORY = new YAMLFactory();

  private final YAMLParser parser;
  private final String source;

  private YamlReader(YAMLParser parser, String source) {
    this.parser = parser;
    this.source = source;
  }

  /// The document in `text`; an empty one is an empty mapping. Errors: [ConfigException] that names `source` and the line.
  static Node read(String source, String text) {
    try (YAMLParser parser = FACTORY.createParser(text)) {
      YamlReader reader = new YamlReader(parser, source);
      if (parser.nextToken() == null) {
        return new Node.Mapping(new LinkedHashMap<>(), source);
      }
      Node node = reader.node("");
      if (parser.nextToken() != null) {
        throw reader.error("", "a second document starts here; a configuration is one document");
      }
      return node;
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String line = at == null ? "" : "line " + at.getLineNr() + ": ";
      String problem =
          e.getOriginalMessage()
              .lines()
              .map(String::strip)
              .filter(part -> !part.isEmpty())
              .findFirst()
              .orElse("");
      throw new ConfigException("", line + "this is no YAML: " + problem).in(source);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Node node(String path) throws IOException {
    JsonToken token = parser.currentToken();
    if (parser.isCurrentAlias()) {
      throw error(path, "aliases (*name) are not supported; write the value again");
    }
    return switch (token) {
      case START_OBJECT -> mapping(path);
      case START_ARRAY -> sequence(path);
      case VALUE_NULL -> new Node.Scalar("", source);
      default -> new Node.Scalar(parser.getText(), source);
    };
  }

  private Node mapping(String path) throws IOException {
    Map<String, Node> entries = new LinkedHashMap<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      String full = path.isEmpty() ? key : path + "." + key;
      if (entries.containsKey(key)) {
        throw error(full, "key " + full + " is given twice; keep one");
      }
      parser.nextToken();
      entries.put(key, node(full));
    }
    return new Node.Mapping(entries, source);
  }

  private Node sequence(String path) throws IOException {
    List<Node> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      items.add(node(path));
    }
    return new Node.Sequence(items, source);
  }

  private ConfigException error(String path, String reason) {
    return new ConfigException(
            path, "line " + parser.currentTokenLocation().getLineNr() + ": " + reason)
        .in(source);
  }
}
