package dev.bellows.parallelism.pipeline;

import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// Activations and their gradients as messages between the ranks of the pipeline axis, rank s of which plays stage s.
///
/// All micro-batches have equally many rows, so a receiver knows every shape beforehand. A send returns when the tensor has left, which does not
/// wait for the receiver's list to get there: what comes early is parked ([Collectives#send]). So every schedule plays to its end. Memory: a received
/// tensor comes from the backend's pool; a sent one goes back to it. Errors: as [Collectives]. Threads: that of the stage.
public final class TensorLink implements StageLink<Tensor> {
  private final Backend backend;
  private final Collectives pipeline;
  private final DType dtype;
  private final long rows;
  private final ModelCut cut;

  /// A link of the stages of `cut` over `pipeline`, which is borrowed. `dtype`: of activations, which is that of the parameters; `rows`: of each
  /// micro-batch.
  public TensorLink(Backend backend, Collectives pipeline, DType dtype, long rows, ModelCut cut) {
    if (pipeline.worldSize() != cut.stages()) {
      throw new IllegalArgumentException(
          "a pipeline of " + cut.stages() + " stages was given " + pipeline.worldSize() + " ranks");
    }
    this.backend = backend;
    this.pipeline = pipeline;
    this.dtype = dtype;
    this.rows = rows;
    this.cut = cut;
  }

  @Override
  public void send(PipelineMessage message, Tensor value) {
    try (value) {
      pipeline.send(value, message.toStage());
    }
  }

  @Override
  public Tensor receive(PipelineMessage message) {
    // A gradient has the shape of the activation that went the other way.
    int width = cut.width(Math.min(message.fromChunk(), message.toChunk()));
    Tensor value = backend.allocate(dtype, Shape.of(rows, width), Category.ACTIVATION);
    try {
      pipeline.receive(value, message.fromStage());
      return value;
    } catch (RuntimeException | Error e) {
      value.release();
      throw e;
    }
  }
}
