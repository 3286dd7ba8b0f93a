package dev.bellows.parallelism.pipeline;

import java.util.Arrays;
import java.util.Optional;

/// Says where in a pipeline something failed: stage, chunk, micro-batch, and whether the stage was receiving, computing or sending.
///
/// [PipelineExecutor] never throws it. It attaches one to the failure itself as a suppressed exception, so that the failure keeps its type,
/// by which the caller tells a lost peer from a numeric error. It has no stack trace; the failure has one.
public final class PipelineActionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  PipelineActionException(String message) {
    super(message, null, false, false);
  }

  /// The place in the pipeline that is attached to `failure`.
  public static Optional<PipelineActionException> of(Throwable failure) {
    return Arrays.stream(failure.getSuppressed())
        .filter(PipelineActionException.class::isInstance)
        .map(PipelineActionException.class::cast)
        .findFirst();
  }
}
