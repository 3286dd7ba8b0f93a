package dev.bellows.parallelism.pipeline;

/// One entry of a stage's list: one pass of one micro-batch through one model chunk. What it waits for and what it hands on follow from the
/// schedule: [PipelineSchedule#input] and [PipelineSchedule#output].
///
/// @param pass forward or backward
/// @param chunk model chunk, counted from the input over all stages
/// @param microBatch micro-batch, counted in the order in which gradients accumulate
public record PipelineAction(Pass pass, int chunk, int microBatch) {
  /// The direction of a pass.
  public enum Pass {
    /// From the input to the loss; hands on an activation.
    FORWARD,
    /// From the loss to the input; hands on the gradient of an activation.
    BACKWARD
  }

  /// The forward pass of `microBatch` through `chunk`.
  public static PipelineAction forward(int chunk, int microBatch) {
    return new PipelineAction(Pass.FORWARD, chunk, microBatch);
  }

  /// The backward pass of `microBatch` through `chunk`.
  public static PipelineAction backward(int chunk, int microBatch) {
    return new PipelineAction(Pass.BACKWARD, chunk, microBatch);
  }

  /// The action in words, for error messages.
  public String describe() {
    String direction =
        switch (pass) {
          case FORWARD -> "forward";
          case BACKWARD -> "backward";
        };
    return direction + " of chunk " + chunk + ", micro-batch " + microBatch;
  }
}
