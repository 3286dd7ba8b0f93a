package dev.bellows.parallelism.pipeline;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// One stage of a [TinyModel] with a layer for each chunk. Counts the activations that it keeps. Threads: one.
final class TinyStage implements StageWork<float[]> {
  private final TinyModel model;
  private final boolean forwardOnly;
  private final Map<PipelineAction, float[]> inputs = new HashMap<>();
  private int peak;

  /// The last chunk's outputs by micro-batch, on the stage that holds it.
  final Map<Integer, float[]> outputs = new HashMap<>();

  TinyStage(TinyModel model, boolean forwardOnly) {
    this.model = model;
    this.forwardOnly = forwardOnly;
  }

  /// Most inputs kept at a time.
  int peak() {
    return peak;
  }

  /// Inputs kept now.
  int kept() {
    return inputs.size();
  }

  @Override
  public Optional<float[]> forward(int chunk, int microBatch, Optional<float[]> activation) {
    float[] x = activation.orElseGet(() -> model.sample(microBatch));
    inputs.put(PipelineAction.forward(chunk, microBatch), x);
    peak = Math.max(peak, inputs.size());
    float[] y = model.layers.get(chunk).forward(x);
    if (forwardOnly) {
      inputs.clear();
    }
    if (chunk < model.layers.size() - 1) {
      return Optional.of(y);
    }
    outputs.put(microBatch, y);
    return Optional.empty();
  }

  @Override
  public Optional<float[]> backward(int chunk, int microBatch, Optional<float[]> gradient) {
    float[] dy = gradient.orElseGet(() -> model.lossGradient(microBatch, outputs.get(microBatch)));
    float[] x = inputs.remove(PipelineAction.forward(chunk, microBatch));
    float[] dx = model.layers.get(chunk).backward(x, dy);
    return chunk == 0 ? Optional.empty() : Optional.of(dx);
  }
}
