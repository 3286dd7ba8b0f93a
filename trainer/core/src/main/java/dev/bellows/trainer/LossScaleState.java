package dev.bellows.trainer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bellows.optimizers.LossScaler;

/// The loss scale among a checkpoint's trainer state: key `loss_scale` with `scale`, `good_steps` and `skipped`; absent while scaling is off.
final class LossScaleState {
  private static final String KEY = "loss_scale";

  private LossScaleState() {}

  static void save(LossScaler scaler, ObjectNode trainer) {
    if (scaler.isOn()) {
      LossScaler.State state = scaler.state();
      trainer
          .putObject(KEY)
          .put("scale", state.scale())
          .put("good_steps", state.goodSteps())
          .put("skipped", state.skipped());
    }
  }

  /// Restores `scaler` when it is on and the checkpoint was written with one.
  static void restore(JsonNode trainer, LossScaler scaler) {
    JsonNode saved = trainer.path(KEY);
    if (scaler.isOn() && saved.isObject()) {
      scaler.restore(
          new LossScaler.State(
              saved.path("scale").asDouble(),
              saved.path("good_steps").asLong(),
              saved.path("skipped").asLong()));
    }
  }
}
