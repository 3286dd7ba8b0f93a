package dev.bellows.parallelism.pipeline;

/// How one stage reaches the others: activations go to the stage of the next chunk, gradients to the stage of the chunk before. `T` is what
/// travels.
///
/// The messages from one stage to another are sent and received in the same order, activations and gradients together, so an implementation
/// needs one ordered stream for each direction between two stages; a message that arrives out of order is an error. Threads: the one that
/// plays the stage. Errors: whatever should end the step, such as a lost peer or a new generation; no wait may last for ever.
public interface StageLink<T> {
  /// Sends `value` to stage `message.toStage()` and takes its ownership. May return before it is received, and must not wait for that as long
  /// as fewer than [PipelineSchedule#sendsAhead] earlier messages to that stage are still to be received; a link over bounded buffers
  /// meets this by taking in what arrives while it waits to send.
  void send(PipelineMessage message, T value);

  /// Waits for `message` from stage `message.fromStage()`. The caller owns the result.
  T receive(PipelineMessage message);
}
