package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.StepBatch;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;

/// The gradient of the mean loss by reverse-mode differentiation, as one stage of a pipeline computes its part: [dev.bellows.nn.Backpropagation] with the
/// same bits.
///
/// All stages of a pipeline estimate the same groups of the same batch at the same time. The first stage loads the inputs of the micro-batches, the last
/// one their targets, the others nothing. Each chunk sums its gradients over the micro-batches of a group, in order, in its own store, and says so
/// to its [PipelineChunk#endGroup]; [GradientSink#endGroup] is called on the last stage only, behind that of the last chunk, to be given the loss.
/// When the list has been played, and no other stage waits for this one any more, [GradientSink#ready] is called for each chunk, ascending.
///
/// Memory: the saved tensors of at most [PipelineSchedule#peakActivations] passes, one gradient of an activation, and what the link holds;
/// nothing of it survives a step, whether it ends well or not. Errors: whatever link, batch or backend throw, with a [PipelineActionException] attached.
/// Threads: one at a time, the backend's caller.
public final class PipelineBackpropagation implements GradientEstimator {
  private final Backend backend;
  private final PipelineStage stage;
  private final StageLink<Tensor> link;
  private final ChunkRecording recording;

  /// Backpropagation through the chunks of `stage`, whose parameters lie on `backend`.
  public PipelineBackpropagation(
      Backend backend, PipelineStage stage, StageLink<Tensor> link, ChunkRecording recording) {
    this.backend = backend;
    this.stage = stage;
    this.link = link;
    this.recording = recording;
  }

  /// Errors: [IllegalArgumentException] when `batch` has another number of micro-batches than the schedule.
  @Override
  public void estimate(StepBatch batch, GradientSink sink) {
    int microBatches = (batch.endGroup() - batch.firstGroup()) * batch.microBatchesPerGroup();
    if (microBatches != stage.schedule().microBatches()) {
      throw new IllegalArgumentException(
          "the batch has "
              + microBatches
              + " micro-batches for this pipeline, but its schedule has "
              + stage.schedule().microBatches());
    }
    stage.chunks().forEach(chunk -> chunk.store().refreshOperands());
    try (StageStep step = new StageStep(backend, stage, recording, batch, sink)) {
      new PipelineExecutor<>(stage.schedule(), stage.number(), link, step).run();
    }
    stage.chunks().forEach(chunk -> sink.ready(chunk.store().parameters()));
  }
}
