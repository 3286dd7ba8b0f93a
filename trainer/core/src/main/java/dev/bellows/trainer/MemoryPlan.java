package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.MemoryNeed;

/// What a worker of a run needs, estimated from shapes before anything is allocated. Its device bytes are those of a [ParallelPlan] whose only axis is
/// data, without ZeRO: what can be trained today.
///
/// @param need the bytes by category, and the limit
/// @param parameterCount trainable elements
public record MemoryPlan(MemoryNeed need, long parameterCount) {
  /// Estimates for `model` under `config` at `site`.
  public static MemoryPlan of(RunConfig config, Model model, WorkerSite site) {
    int workers = config.workers().count();
    UpdatePlan updates = UpdatePlan.of(config.optimizer(), model.parameters());
    DeviceBytes device =
        DeviceAccount.ofWhole(config, updates, model.parameters())
            .bytes(0, workers, model.activationBytes(config.batch().micro()));
    MemoryNeed need =
        new MemoryNeed(
            site.heapBytes(),
            device.parameters() + device.operands(),
            device.gradients() + device.partialSums(),
            device.optimizer() + device.workspace(),
            device.activations(),
            workers > 1 ? SHARED_PER_PEER * (workers - 1) : 0,
            site.limitBytes());
    long elements =
        model.parameters().stream()
            .filter(parameter -> !parameter.isTied())
            .mapToLong(parameter -> parameter.shape().elements())
            .sum();
    return new MemoryPlan(need, elements);
  }

  /// A pair of streams to one peer: three terms each way, as the transport sizes them.
  private static final long SHARED_PER_PEER = 2 * 3 * (4L << 20);
}
