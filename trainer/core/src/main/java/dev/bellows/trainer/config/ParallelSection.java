package dev.bellows.trainer.config;

import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.plan.ScheduleKind;

/// Section `parallel`: how the workers share the model and the samples. The degrees of the four mesh axes multiply to `workers.count`.
///
/// @param pipeline stages, each with other layers; default 1
/// @param data workers with the same weights and other samples, at most `batch.groups`; 0, the default: as many as the other axes leave
/// @param context parts of each sequence; default 1
/// @param tensor parts of each layer; default 1
/// @param expert parts of the set of experts, spread over the data axis; default 1
/// @param sequence whether norms and dropout are split by positions over the tensor axis; default false
/// @param zero what the data axis shares out: 0 nothing, 1 optimizer state, 2 gradients too, 3 weights too; default 0
/// @param schedule order of forward and backward in a pipeline; default `1f1b`
public record ParallelSection(
    @Default("1") int pipeline,
    @Default("0") int data,
    @Default("1") int context,
    @Default("1") int tensor,
    @Default("1") int expert,
    @Default("false") boolean sequence,
    @Default("0") int zero,
    @Default("1f1b") ScheduleKind schedule) {
  private static final int MOST = 4096;

  public ParallelSection {
    Check.between("parallel.pipeline", pipeline, 1, MOST);
    Check.between("parallel.data", data, 0, MOST);
    Check.between("parallel.context", context, 1, MOST);
    Check.between("parallel.tensor", tensor, 1, MOST);
    Check.between("parallel.expert", expert, 1, MOST);
    Check.between("parallel.zero", zero, 0, 3);
    Check.that(
        !sequence || tensor > 1,
        "parallel.sequence",
        "parallel.sequence is true while parallel.tensor is 1; it splits positions over the tensor"
            + " axis, so it needs a degree of 2 or more");
  }

  /// The mesh of `workers` workers. Errors: [ConfigException] that lists what would be valid.
  Mesh mesh(int workers) {
    try {
      return Mesh.of(workers, pipeline, data, context, tensor);
    } catch (IllegalArgumentException e) {
      throw new ConfigException(largest(), e.getMessage());
    }
  }

  /// The key that is most likely meant when the degrees do not multiply to the number of workers.
  private String largest() {
    int most = Math.max(Math.max(pipeline, data), Math.max(context, tensor));
    if (tensor == most) {
      return "parallel.tensor";
    } else if (pipeline == most) {
      return "parallel.pipeline";
    }
    return context == most ? "parallel.context" : "parallel.data";
  }
}
