package dev.bellows.checkpointing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What the trainer says about a checkpoint.
///
/// @param saveId the save, as in every part's [PartIdentity]
/// @param step how many optimizer updates the state has behind it
/// @param tensors every tensor of the checkpoint; names are unique
/// @param trainer everything else that a bit-exact resume needs, as one JSON object: consumed samples, schedule, loss scale …
/// @param config the resolved configuration, as JSON or as one text
/// @param versions library → version
public record ManifestContent(
    String saveId,
    long step,
    List<LogicalTensor> tensors,
    ObjectNode trainer,
    JsonNode config,
    Map<String, String> versions) {
  public ManifestContent {
    if (!Format.isSaveId(saveId)) {
      throw new IllegalArgumentException(
          "'" + saveId + "' is no save id: 8 to 64 letters, digits and '-'");
    }
    if (step < 0) {
      throw new IllegalArgumentException("a step is 0 or more, not " + step);
    }
    SavePlan.byName(tensors);
    checkFinite("trainer", trainer);
    checkFinite("config", config);
    tensors = List.copyOf(tensors);
    trainer = trainer.deepCopy();
    config = config.deepCopy();
    versions = Map.copyOf(versions);
  }

  /// JSON has no NaN and no infinity; Jackson would write a text that reads back as 0.
  private static void checkFinite(String path, JsonNode node) {
    if (node.isFloatingPointNumber() && !Double.isFinite(node.doubleValue())) {
      throw new IllegalArgumentException(
          path + " is " + node.doubleValue() + ", which JSON cannot hold; store it as text");
    }
    if (node.isObject()) {
      node.properties()
          .forEach(property -> checkFinite(path + "." + property.getKey(), property.getValue()));
    }
    for (int i = 0; i < (node.isArray() ? node.size() : 0); i++) {
      checkFinite(path + "[" + i + "]", node.get(i));
    }
  }

  /// Versions in name order.
  Map<String, String> sortedVersions() {
    return new TreeMap<>(versions);
  }
}
