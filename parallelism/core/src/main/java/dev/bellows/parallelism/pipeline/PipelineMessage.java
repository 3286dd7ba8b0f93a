package dev.bellows.parallelism.pipeline;

/// What one action hands to another: an activation to the next model chunk, or its gradient to the chunk before.
///
/// @param pass forward for an activation, backward for a gradient
/// @param microBatch the micro-batch that it belongs to
/// @param fromChunk the chunk that computes it
/// @param fromStage the stage of that chunk
/// @param toChunk the chunk that needs it
/// @param toStage the stage of that chunk
public record PipelineMessage(
    PipelineAction.Pass pass,
    int microBatch,
    int fromChunk,
    int fromStage,
    int toChunk,
    int toStage) {
  /// Whether it stays on its stage; such a message never reaches a [StageLink].
  public boolean isLocal() {
    return fromStage == toStage;
  }

  /// The message in words, for error messages.
  public String describe() {
    String what =
        switch (pass) {
          case FORWARD -> "activation";
          case BACKWARD -> "gradient";
        };
    return "the "
        + what
        + " of micro-batch "
        + microBatch
        + " from chunk "
        + fromChunk
        + " on stage "
        + fromStage
        + " to chunk "
        + toChunk
        + " on stage "
        + toStage;
  }
}
