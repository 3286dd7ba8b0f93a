package dev.bellows.trainer;

/// What every rank knows alike after a step.
///
/// @param loss mean over the global batch, nats
/// @param gradientNorm before clipping, free of the loss scale; not finite when the step was skipped
/// @param learningRate used
/// @param stop whether any rank was asked to stop
/// @param dataSeconds longest wait for data of any rank
/// @param communicationSeconds longest exchange, waiting included, of any rank
/// @param memoryPeak highest device bytes of any rank
/// @param skipped whether the update was left out because a gradient overflowed under a loss scale
record StepRecord(
    double loss,
    double gradientNorm,
    double learningRate,
    boolean stop,
    double dataSeconds,
    double communicationSeconds,
    long memoryPeak,
    boolean skipped) {}
