package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Sharding;
import dev.bellows.nn.Spread;
import dev.bellows.nn.Tape;
import dev.bellows.nn.TensorGroup;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Measures a model that is cut into stages, without gradients and with the bits of an [Evaluator]. Threads: that of the stage.
public final class PipelineEvaluator {
  private final Backend backend;
  private final ModelCut cut;
  private final int stage;
  private final Collectives pipeline;
  private final DType dtype;
  private final int rowsPerSample;
  private final TensorGroup group;
  private final Sharding sharding;

  /// An evaluator of the chunks that `stage` of `cut` holds, whose parameters lie on `backend`; `dtype`, `group` and `sharding` as for [Activations], `rowsPerSample` as [Model#rowsPerSample].
  public PipelineEvaluator(
      Backend backend,
      ModelCut cut,
      int stage,
      Collectives pipeline,
      DType dtype,
      int rowsPerSample,
      TensorGroup group,
      Sharding sharding) {
    this.backend = backend;
    this.cut = cut;
    this.stage = stage;
    this.pipeline = pipeline;
    this.dtype = dtype;
    this.rowsPerSample = rowsPerSample;
    this.group = group;
    this.sharding = sharding;
  }

  /// Loss and accuracy on `batch`, which stays the caller's, on the last stage; nothing on the others. All stages call it with the same batch, whose inputs
  /// only the first stage reads and whose targets only the last one; a stage may be batches ahead of the next one. Errors: as [Collectives].
  public Optional<Evaluation> evaluate(Batch batch) {
    Activations activations =
        new Activations(cut, dtype, (long) batch.samples() * rowsPerSample, group, sharding);
    TensorLink link = new TensorLink(backend, pipeline, activations);
    PipelineSchedule schedule =
        PipelineSchedule.forwardOnly(cut.stages(), cut.chunks() / cut.stages(), 1);
    Forward forward = new Forward(batch, activations);
    new PipelineExecutor<>(schedule, stage, link, forward).run();
    return forward.evaluation;
  }

  /// One batch on its way through the chunks of this stage.
  private final class Forward implements StageWork<Tensor> {
    private final Batch batch;
    private final Activations activations;
    private Optional<Evaluation> evaluation = Optional.empty();

    Forward(Batch batch, Activations activations) {
      this.batch = batch;
      this.activations = activations;
    }

    @Override
    public Optional<Tensor> forward(int chunk, int microBatch, Optional<Tensor> activation) {
      List<Unit> units = new ArrayList<>(cut.units(chunk));
      activation.ifPresent(
          received -> units.addFirst(new Received(received, activations.spread(chunk))));
      Model part = new Part(units, rowsPerSample);
      if (chunk == cut.chunks() - 1) {
        evaluation = Optional.of(new Evaluator(backend, part, group).evaluate(batch));
        return Optional.empty();
      }
      try (Tape tape = Tape.evaluating(backend, group)) {
        return Optional.of(part.logits(tape, batch).value().retain());
      }
    }

    @Override
    public Optional<Tensor> backward(int chunk, int microBatch, Optional<Tensor> gradient) {
      throw new IllegalStateException("an evaluation has no backward passes");
    }
  }

  /// The units of a chunk as a model of their own.
  private record Part(List<Unit> units, int rowsPerSample) implements Model {
    @Override
    public double flopsPerSample() {
      return 0;
    }

    @Override
    public long activationBytes(int samples) {
      return 0;
    }
  }

  /// Stands for the chunks before: gives what came from there in place of the batch's inputs, once.
  private record Received(Tensor activation, Spread spread) implements Unit {
    @Override
    public String name() {
      return "received";
    }

    @Override
    public Position position() {
      return Position.BEFORE;
    }

    @Override
    public List<Parameter> parameters() {
      return List.of();
    }

    @Override
    public int width() {
      return Math.toIntExact(activation.shape().dim(1));
    }

    @Override
    public Variable forward(Tape tape, Variable input, SampleRange samples) {
      tape.release(input);
      try (activation) {
        return tape.leaf(activation, spread);
      }
    }
  }
}
