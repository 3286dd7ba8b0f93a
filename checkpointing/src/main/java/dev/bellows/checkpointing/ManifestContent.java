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
    String saveId, long step, List<LogicalTensor> tensors, ObjectNode trainer, JsonNode config, Map<String, String> versions) {
  public ManifestContent {
    if (!Format.isSaveId(saveId)) {
      throw new IllegalArgumentException("'" + saveId + "' is no save id: 8 to 64 letters, digits and '-'");
    }
    if (step < 0) {
      throw new IllegalArgumentException("a step is 0 or more, not " + step);
    }
    SavePlan.byName(tensors);
    tensors = List.copyOf(tensors);
    trainer = trainer.deepCopy();
    config = config.deepCopy();
    versions = Map.copyOf(versions);
  }

  /// Versions in name order.
  Map<String, String> sortedVersions() {
    return new TreeMap<>(versions);
  }
}
