package dev.bellows.trainer.config;

import dev.bellows.parallelism.Mesh;

/// Everything that a run is told, resolved and checked. Immutable; equal configurations have equal [ConfigLoader#toYaml] texts.
///
/// Errors: the constructor, like those of the sections, throws a [ConfigException] when values do not fit together.
///
/// @param run section `run`
/// @param seed of every random number of the run; default 1337
/// @param backend section `backend`
/// @param model section `model`
/// @param data section `data`
/// @param batch section `batch`
/// @param parallel section `parallel`
/// @param optimizer section `optimizer`
/// @param schedule section `schedule`; a length of 0 becomes `train.steps`
/// @param train section `train`
/// @param lossScale section `lossScale`
/// @param evaluate section `evaluate`
/// @param checkpoint section `checkpoint`
/// @param workers section `workers`
/// @param transport section `transport`
/// @param log section `log`
/// @param generate section `generate`
/// @param spark section `spark`
public record RunConfig(
    RunSection run,
    @Default("1337") long seed,
    BackendSection backend,
    ModelSection model,
    DataSection data,
    BatchSection batch,
    ParallelSection parallel,
    OptimizerSection optimizer,
    ScheduleSection schedule,
    TrainSection train,
    LossScaleSection lossScale,
    EvaluateSection evaluate,
    CheckpointSection checkpoint,
    WorkersSection workers,
    TransportSection transport,
    LogSection log,
    GenerateSection generate,
    SparkSection spark) {
  public RunConfig {
    if (schedule.steps() == 0) {
      schedule = schedule.withSteps(train.steps());
    }
    checkMesh(workers, batch, parallel, model);
    checkSequences(parallel, model);
    boolean text = data.kind() == DataSection.Kind.TEXT;
    String kind = "model.kind " + Text.of(model.kind());
    if (model.isLanguageModel()) {
      Check.that(
          text,
          "data.kind",
          "data.kind is "
              + Text.of(data.kind())
              + ", but "
              + kind
              + " learns from tokens; it must be text");
      Check.that(
          model.vocabulary() >= 256,
          "model.vocabulary",
          "model.vocabulary is "
              + model.vocabulary()
              + "; it must be 256 or more, because data.kind text is read byte by byte");
    } else {
      Check.that(
          !text,
          "data.kind",
          "data.kind is text, but " + kind + " learns from images; it must be idx or digits");
      Check.that(
          generate.length() == 0,
          "generate.length",
          "generate.length is "
              + generate.length()
              + ", but "
              + kind
              + " gives no text; it must be 0");
    }
  }

  private static void checkMesh(
      WorkersSection workers, BatchSection batch, ParallelSection parallel, ModelSection model) {
    int data = parallel.mesh(workers.count()).data();
    Check.that(
        data <= batch.groups(),
        "workers.count",
        data == workers.count()
            ? "workers.count is "
                + workers.count()
                + "; it must be at most batch.groups, which is "
                + batch.groups()
                + ", because a worker owns whole groups"
            : "workers.count is "
                + workers.count()
                + ", which makes "
                + data
                + " data ranks; they must be at most batch.groups, which is "
                + batch.groups()
                + ", because a data rank owns whole groups");
    Check.that(
        parallel.expert() == 1,
        "parallel.expert",
        "parallel.expert is "
            + parallel.expert()
            + ", but model.kind "
            + Text.of(model.kind())
            + " has no experts; it must be 1");
  }

  private static void checkSequences(ParallelSection parallel, ModelSection model) {
    Check.that(
        model.isLanguageModel() || parallel.context() == 1 && !parallel.sequence(),
        parallel.sequence() ? "parallel.sequence" : "parallel.context",
        "parallel."
            + (parallel.sequence() ? "sequence is true" : "context is " + parallel.context())
            + ", but model.kind "
            + Text.of(model.kind())
            + " has no sequences; leave it out");
    long parts = (long) parallel.context() * (parallel.sequence() ? parallel.tensor() : 1);
    Check.that(
        !model.isLanguageModel() || model.context() % parts == 0,
        parallel.context() > 1 ? "parallel.context" : "parallel.sequence",
        "model.context is "
            + model.context()
            + "; it must be a multiple of "
            + parts
            + ", the parts into which parallel.context"
            + (parallel.sequence() ? " and parallel.sequence cut" : " cuts")
            + " a sequence");
  }

  /// The workers as a grid.
  public Mesh mesh() {
    return parallel.mesh(workers.count());
  }

  /// The same configuration with another run folder and data path, such as absolute ones for processes with another working directory.
  public RunConfig withPaths(String runFolder, String dataPath) {
    return new RunConfig(
        new RunSection(run.name(), runFolder),
        seed,
        backend,
        model,
        new DataSection(
            data.kind(),
            dataPath,
            data.sha256(),
            data.validation(),
            data.samples(),
            data.validationSamples()),
        batch,
        parallel,
        optimizer,
        schedule,
        train,
        lossScale,
        evaluate,
        checkpoint,
        workers,
        transport,
        log,
        generate,
        spark);
  }
}
