package dev.bellows.trainer.config;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;

/// Reads configurations, and writes them resolved.
///
/// Errors: every [ConfigException] names the file or the override, the key and what would be right.
public final class ConfigLoader {
  private ConfigLoader() {}

  /// The configuration in the local YAML file `file`, with each `key=value` of `overrides` laid over it in order. A value is a YAML scalar,
  /// list or mapping; a scalar for a whole section sets the section's first key, so that `workers=8` is `workers.count=8`.
  public static RunConfig load(Path file, List<String> overrides) {
    try {
      return load(file.toString(), Files.readString(file), overrides);
    } catch (NoSuchFileException e) {
      throw new ConfigException(
              "", "there is no such file; give the path of a YAML file, such as conf/gpt-nano.yaml")
          .in(file.toString());
    } catch (IOException e) {
      throw new ConfigException("", "the file cannot be read as UTF-8 text: " + e)
          .in(file.toString());
    }
  }

  /// The same for the text of a file; `source` is its name, for errors and for the default of `run.name`.
  public static RunConfig load(String source, String text, List<String> overrides) {
    Node root = YamlReader.read(source, text);
    if (!(root instanceof Node.Mapping mapping)) {
      throw new ConfigException(
              "", "this is " + root.shown() + "; it must be a mapping of sections")
          .in(source);
    }
    Overrides.apply(mapping, overrides);
    nameRun(mapping, source);
    return Binder.bind(RunConfig.class, "", mapping);
  }

  private static void nameRun(Node.Mapping root, String source) {
    Node run =
        root.entries()
            .computeIfAbsent("run", key -> new Node.Mapping(new LinkedHashMap<>(), source));
    if (run instanceof Node.Mapping section) {
      String file = source.substring(source.lastIndexOf('/') + 1).replaceFirst("\\.ya?ml$", "");
      String name = file.replaceAll("[^A-Za-z0-9._-]+", "-");
      section.entries().putIfAbsent("name", new Node.Scalar(name, source));
    }
  }

  /// The resolved configuration as YAML, in a stable order: every key that has a meaning for the kinds chosen. [#load] reads back an equal
  /// configuration.
  public static String toYaml(RunConfig config) {
    return ConfigWriter.write(config);
  }

  /// SHA-256 of [#toYaml] in UTF-8, in hex.
  public static String sha256(RunConfig config) {
    try {
      byte[] text = toYaml(config).getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
