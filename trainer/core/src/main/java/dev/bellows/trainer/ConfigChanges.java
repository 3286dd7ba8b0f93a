package dev.bellows.trainer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/// What differs between the configuration that a checkpoint was trained with and the one that is to go on from it.
///
/// @param forbidden changes after which the checkpoint's weights or data position would mean something else
/// @param allowed changes that alter the course of training from here on, and are told
record ConfigChanges(List<String> forbidden, List<String> allowed) {
  private static final Set<String> DECIDES_STATE =
      Set.of(
          "seed",
          "model",
          "data.kind",
          "data.sha256",
          "data.validation",
          "data.samples",
          "batch.global",
          "optimizer.kind");

  /// Keys below those of [#DECIDES_STATE] that weights do not depend on.
  private static final Set<String> DECIDES_COURSE_ONLY =
      Set.of("model.dropout", "model.labelSmoothing", "model.zLoss");

  /// Of section `parallel` only what changes the order of sums inside a layer.
  private static final Set<String> DECIDES_COURSE =
      Set.of(
          "data",
          "batch",
          "parallel.tensor",
          "parallel.context",
          "parallel.expert",
          "parallel.sequence",
          "optimizer",
          "schedule",
          "train",
          "lossScale",
          "backend");

  /// `sameTensors`: both configurations keep the same tensors, with the same shapes.
  static ConfigChanges between(RunConfig saved, RunConfig now, boolean sameTensors) {
    Map<String, String> before = flat(saved);
    Map<String, String> after = flat(now);
    Set<String> keys = new TreeSet<>(before.keySet());
    keys.addAll(after.keySet());
    List<String> forbidden = new ArrayList<>();
    List<String> allowed = new ArrayList<>();
    for (String key : keys) {
      if (!Objects.equals(before.get(key), after.get(key))) {
        String change =
            key
                + " "
                + before.getOrDefault(key, "(unset)")
                + " → "
                + after.getOrDefault(key, "(unset)");
        if (DECIDES_COURSE_ONLY.contains(key)) {
          allowed.add(change);
        } else if (isBelow(key, DECIDES_STATE)
            || (key.equals("optimizer.groups") && !sameTensors)) {
          forbidden.add(change);
        } else if (isBelow(key, DECIDES_COURSE)) {
          allowed.add(change);
        }
      }
    }
    return new ConfigChanges(forbidden, allowed);
  }

  private static boolean isBelow(String key, Set<String> roots) {
    return roots.contains(key) || roots.contains(key.substring(0, Math.max(0, key.indexOf('.'))));
  }

  private static Map<String, String> flat(RunConfig config) {
    try {
      Map<String, String> values = new TreeMap<>();
      flatten("", new YAMLMapper().readTree(ConfigLoader.toYaml(config)), values);
      return values;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void flatten(String prefix, JsonNode node, Map<String, String> values) {
    if (node.isObject()) {
      node.properties()
          .forEach(
              child ->
                  flatten(
                      prefix.isEmpty() ? child.getKey() : prefix + "." + child.getKey(),
                      child.getValue(),
                      values));
    } else {
      values.put(prefix, node.isValueNode() ? node.asText() : node.toString());
    }
  }
}
