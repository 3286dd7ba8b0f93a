package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Parameter;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Adds the gradient sums of all uses of each parameter, also when the uses lie on several stages of a pipeline (Narayanan et al. 2021, section 3.1: tied
/// embeddings).
///
/// Every stage that holds a shared parameter gets the other stages' sums and adds all of them in forward order, as one rank does
/// ([dev.bellows.nn.ParameterStore#combineUses]); so all copies are updated alike and stay bit-identical. Threads: that of the stage.
public final class TiedGradients {
  private final Backend backend;
  private final ModelCut cut;
  private final int stage;
  private final Collectives pipeline;
  private final List<Parameter> tied = new ArrayList<>();

  /// For the parameters that `stage` of `cut` holds; `pipeline` are the ranks of the pipeline axis, rank s of which plays stage s.
  public TiedGradients(Backend backend, ModelCut cut, int stage, Collectives pipeline) {
    this.backend = backend;
    this.cut = cut;
    this.stage = stage;
    this.pipeline = pipeline;
    for (Parameter primary : cut.primaries()) {
      if (cut.uses(primary).size() > 1 && cut.holders(primary).contains(stage)) {
        tied.add(primary);
      }
    }
  }

  /// Once a step, after the reduction over the data axis and in place of `combineUses`: afterwards each parameter's gradient is the sum over all its uses.
  /// All stages call it; it moves one gradient for each use and further holder. Errors: as [Collectives].
  public void combine() {
    // A send does not wait for its receive, so all stages may send first.
    for (Parameter primary : tied) {
      for (Parameter use : cut.uses(primary)) {
        if (cut.stageOf(use) == stage) {
          send(primary, use);
        }
      }
    }
    for (Parameter primary : tied) {
      for (Parameter use : cut.uses(primary)) {
        if (cut.stageOf(use) != stage) {
          pipeline.receive(use.gradient(), cut.stageOf(use));
        }
      }
    }
    tied.forEach(this::add);
  }

  private void send(Parameter primary, Parameter use) {
    for (int holder : cut.holders(primary)) {
      if (holder != stage) {
        pipeline.send(use.gradient(), holder);
      }
    }
  }

  private void add(Parameter primary) {
    Tensor sum = primary.gradient();
    for (Parameter use : cut.uses(primary)) {
      if (use.isTied()) {
        backend.add(sum, use.gradient(), sum);
      }
    }
  }
}
