package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;

/// What one stage computes in one step: each micro-batch goes through each chunk on a tape of its own, which waits for the gradient.
///
/// Memory: [#close] frees what passes under way have saved. Threads: that of the stage.
final class StageStep implements StageWork<Tensor>, AutoCloseable {
  /// A forward pass that waits for its backward pass.
  ///
  /// @param tape what was recorded
  /// @param input what came from the chunk before; none in the first chunk
  /// @param output what went to the next chunk; none in the last one, whose loss has left its gradient on the tape
  private record Pass(Tape tape, Optional<Variable> input, Optional<Variable> output) {}

  private final Backend backend;
  private final PipelineStage stage;
  private final ChunkRecording recording;
  private final StepBatch batch;
  private final GradientSink sink;
  private final List<Queue<Pass>> passes = new ArrayList<>();
  private final List<Tape> tapes = new ArrayList<>();
  private final ArrayDeque<Tape> idle = new ArrayDeque<>();
  private final double[] lossSums;

  StageStep(
      Backend backend,
      PipelineStage stage,
      ChunkRecording recording,
      StepBatch batch,
      GradientSink sink) {
    this.backend = backend;
    this.stage = stage;
    this.recording = recording;
    this.batch = batch;
    this.sink = sink;
    for (int chunk = 0; chunk < stage.schedule().chunks(); chunk++) {
      passes.add(new ArrayDeque<>());
    }
    lossSums = new double[batch.endGroup() - batch.firstGroup()];
  }

  private int group(int microBatch) {
    return batch.firstGroup() + microBatch / batch.microBatchesPerGroup();
  }

  private int index(int microBatch) {
    return microBatch % batch.microBatchesPerGroup();
  }

  @Override
  public Optional<Tensor> forward(int chunk, int microBatch, Optional<Tensor> activation) {
    Tape tape = takeTape();
    Optional<Variable> input = activation.map(tensor -> leaf(tape, tensor));
    if (!stage.isFirst(chunk) && !stage.isLast(chunk)) {
      SampleRange samples = batch.samples(group(microBatch), index(microBatch));
      return handOn(chunk, tape, input, record(chunk, tape, input.orElseThrow(), samples));
    }
    try (Batch loaded = batch.microBatch(group(microBatch), index(microBatch))) {
      Variable x = input.orElseGet(() -> tape.constant(loaded.inputs()));
      Variable y = record(chunk, tape, x, SampleRange.of(loaded));
      if (!stage.isLast(chunk)) {
        return handOn(chunk, tape, input, y);
      }
      lossSums[group(microBatch) - batch.firstGroup()] +=
          tape.crossEntropy(recording.loss(), y, loaded.targets(), batch.lossScale());
      passes.get(chunk).add(new Pass(tape, input, Optional.empty()));
      return Optional.empty();
    }
  }

  private Tape takeTape() {
    if (idle.isEmpty()) {
      Tape tape = recording.tape(backend);
      tapes.add(tape);
      return tape;
    }
    return idle.pop();
  }

  /// The tape becomes the only owner of `received`, so that an operation may write its result there.
  private static Variable leaf(Tape tape, Tensor received) {
    try (received) {
      return tape.leaf(received);
    }
  }

  private Variable record(int chunk, Tape tape, Variable input, SampleRange samples) {
    Variable x = input;
    for (Unit unit : stage.chunk(chunk).units()) {
      x = unit.forward(tape, x, samples);
    }
    return x;
  }

  /// The value of `output` leaves the stage; the tape keeps what backward needs of it.
  private Optional<Tensor> handOn(int chunk, Tape tape, Optional<Variable> input, Variable output) {
    Tensor value = output.value().retain();
    tape.release(output);
    passes.get(chunk).add(new Pass(tape, input, Optional.of(output)));
    return Optional.of(value);
  }

  @Override
  public Optional<Tensor> backward(int chunk, int microBatch, Optional<Tensor> gradient) {
    Pass pass = passes.get(chunk).remove();
    if (index(microBatch) == 0) {
      stage.chunk(chunk).store().beginAccumulation();
    }
    run(pass, gradient);
    if (index(microBatch) == batch.microBatchesPerGroup() - 1) {
      endGroup(chunk, group(microBatch));
    }
    Optional<Tensor> handedBack = pass.input().map(input -> inputGradient(pass.tape(), input));
    pass.tape().reset();
    idle.push(pass.tape());
    return handedBack;
  }

  private static void run(Pass pass, Optional<Tensor> gradient) {
    if (pass.output().isEmpty()) {
      pass.tape().backward();
      return;
    }
    try (Tensor received = gradient.orElseThrow()) {
      pass.tape().backward(pass.output().get(), received);
    }
  }

  private static Tensor inputGradient(Tape tape, Variable input) {
    return tape.takeGradient(input)
        .orElseThrow(
            () -> new IllegalStateException("the chunk's output does not depend on its input"));
  }

  private void endGroup(int chunk, int group) {
    PipelineChunk own = stage.chunk(chunk);
    own.store().endAccumulation();
    own.endGroup().accept(group);
    if (stage.isLast(chunk)) {
      sink.endGroup(group, lossSums[group - batch.firstGroup()]);
    }
  }

  @Override
  public void close() {
    tapes.forEach(Tape::close);
  }
}
