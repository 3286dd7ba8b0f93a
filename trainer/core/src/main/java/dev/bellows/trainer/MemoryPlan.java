package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Precision;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.MemoryNeed;

/// What a worker of a run needs, estimated from shapes before anything is allocated.
///
/// @param need the bytes by category, and the limit
/// @param parameterCount trainable elements
public record MemoryPlan(MemoryNeed need, long parameterCount) {
  /// Estimates for `model` under `config` at `site`.
  public static MemoryPlan of(RunConfig config, Model model, WorkerSite site) {
    long elements = 0;
    long uses = 0;
    for (Parameter parameter : model.parameters()) {
      long size = parameter.shape().elements();
      elements += parameter.isTied() ? 0 : size;
      uses += size;
    }
    int workers = config.workers().count();
    int ownGroups = (config.batch().groups() + workers - 1) / workers;
    int partialSums = ownGroups == 1 ? 1 : 2 + (31 - Integer.numberOfLeadingZeros(ownGroups));
    int optimizerStates = Recipe.updateRule(config.optimizer()).stateNames().size();
    MemoryNeed need =
        new MemoryNeed(
            site.heapBytes(),
            (config.train().precision() == Precision.F32 ? 4 : 6) * elements,
            4 * uses * partialSums,
            4L * elements * optimizerStates,
            model.activationBytes(config.batch().micro()),
            workers > 1 ? SHARED_PER_PEER * (workers - 1) : 0,
            site.limitBytes());
    return new MemoryPlan(need, elements);
  }

  /// A pair of streams to one peer: three terms each way, as the transport sizes them.
  private static final long SHARED_PER_PEER = 2 * 3 * (4L << 20);
}
