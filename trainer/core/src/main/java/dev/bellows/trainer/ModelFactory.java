package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.trainer.config.ModelSection;
import dev.bellows.trainer.data.SampleLayout;

/// Builds the model that a configuration names, on shapes only. Thread-safe.
@FunctionalInterface
public interface ModelFactory {
  /// The model of `section` for samples of `layout`. Errors: [IllegalArgumentException] in one sentence when they do not fit.
  Model create(ModelSection section, SampleLayout layout);
}
