package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.optimizers.Adafactor;
import dev.bellows.optimizers.AdamW;
import dev.bellows.optimizers.Muon;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.ParameterSpan;
import dev.bellows.optimizers.Treatment;
import dev.bellows.tensor.Backend;
import java.util.ArrayList;
import java.util.List;

/// How the tests' models are updated.
enum Updates {
  ADAMW,
  /// Muon for the matrices of the blocks, AdamW for the rest.
  MUON,
  ADAFACTOR,
  /// AdamW behind products in BF16.
  HALF;

  static final double CLIP = 0.5;
  static final double LEARNING_RATE = 0.02;

  private Treatment treatment(Parameter parameter) {
    AdamW adamW = new AdamW(0.9, 0.95, 1e-8, 0.1);
    return Treatment.of(
        switch (this) {
          case ADAMW, HALF -> adamW;
          case MUON -> isHidden(parameter) ? new Muon(0.95, true, 0.1) : adamW;
          case ADAFACTOR -> new Adafactor(-0.8, 0x1p-23, 0.001, 1, false, 0.1);
        });
  }

  private static boolean isHidden(Parameter parameter) {
    return parameter.shape().rank() == 2
        && (parameter.name().startsWith("h.") || parameter.name().startsWith("model.layers."));
  }

  Precision precision() {
    return this == HALF ? Precision.BF16 : Precision.F32;
  }

  Optimizer optimizer(Backend backend, ParameterStore store) {
    List<ParameterSpan> spans = new ArrayList<>();
    List<Treatment> treatments = new ArrayList<>();
    for (Parameter parameter : store.parameters()) {
      spans.add(
          new ParameterSpan(
              parameter.name(),
              parameter.shape(),
              store.offset(spans.size()),
              parameter.isDecayed()));
      treatments.add(treatment(parameter));
    }
    return new Optimizer(backend, spans, treatments, store.values(), store.primaryGradients());
  }
}
