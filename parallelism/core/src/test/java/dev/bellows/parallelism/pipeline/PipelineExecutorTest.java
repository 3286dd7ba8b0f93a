package dev.bellows.parallelism.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class PipelineExecutorTest {
  /// Longer than any stall of a busy machine; a schedule that plays never comes near it.
  private static final long PATIENT_MILLIS = 30_000;

  /// For schedules that must hang.
  private static final long IMPATIENT_MILLIS = 600;

  private static TinyModel sequential(PipelineSchedule schedule, int steps) {
    TinyModel model = new TinyModel(schedule.chunks());
    for (int step = 0; step < steps; step++) {
      model.train(schedule.microBatches(), !schedule.isForwardOnly());
    }
    return model;
  }

  private static boolean sameGradients(TinyModel left, TinyModel right) {
    for (int i = 0; i < left.layers.size(); i++) {
      // Arrays.equals compares floats by their bits, except that all NaNs are alike.
      if (!Arrays.equals(left.layers.get(i).gradient, right.layers.get(i).gradient)) {
        return false;
      }
    }
    return true;
  }

  private static boolean hasGradients(TinyModel model) {
    for (TinyModel.Layer layer : model.layers) {
      for (float value : layer.gradient) {
        if (!Float.isFinite(value) || value == 0) {
          return false;
        }
      }
    }
    return true;
  }

  @Test
  void gradientsHaveTheBitsOfOneRankUnderEverySchedule() throws InterruptedException {
    for (int p = 1; p <= 4; p++) {
      for (int m = 1; m <= 8; m++) {
        for (Map.Entry<String, PipelineSchedule> entry : Schedules.all(p, m).entrySet()) {
          checkAgainstOneRank(entry.getKey(), entry.getValue());
        }
      }
    }
  }

  private static void checkAgainstOneRank(String name, PipelineSchedule schedule)
      throws InterruptedException {
    TinyPipeline pipeline = new TinyPipeline(schedule, schedule.sendsAhead(), PATIENT_MILLIS);
    assertEquals(List.of(), pipeline.run(1), name);
    TinyModel expected = new TinyModel(schedule.chunks());
    List<float[]> outputs = expected.train(schedule.microBatches(), !schedule.isForwardOnly());
    assertTrue(sameGradients(expected, pipeline.model), name);
    assertTrue(schedule.isForwardOnly() || hasGradients(pipeline.model), name);
    assertTrue(pipeline.links.isEmpty(), name);
    for (int stage = 0; stage < schedule.stages(); stage++) {
      assertEquals(schedule.peakActivations(stage), pipeline.stages.get(stage).peak(), name);
      assertEquals(0, pipeline.stages.get(stage).kept(), name);
    }
    for (int microBatch = 0; microBatch < schedule.microBatches(); microBatch++) {
      assertArrayEquals(
          outputs.get(microBatch), pipeline.stages.getLast().outputs.get(microBatch), name);
    }
  }

  @Test
  void anExecutorPlaysStepAfterStep() throws InterruptedException {
    PipelineSchedule schedule = PipelineSchedule.interleaved(3, 2, 5);
    TinyPipeline pipeline = new TinyPipeline(schedule, schedule.sendsAhead(), PATIENT_MILLIS);
    assertEquals(List.of(), pipeline.run(3));
    assertTrue(sameGradients(sequential(schedule, 3), pipeline.model));
  }

  @Test
  void fewerSendsAheadThanPromisedHang() throws InterruptedException {
    for (PipelineSchedule schedule :
        List.of(
            PipelineSchedule.oneForwardOneBackward(3, 4),
            PipelineSchedule.interleaved(2, 2, 4),
            PipelineSchedule.forwardOnly(2, 2, 2))) {
      TinyPipeline pipeline =
          new TinyPipeline(schedule, schedule.sendsAhead() - 1, IMPATIENT_MILLIS);
      List<Throwable> failures = pipeline.run(1);
      assertFalse(failures.isEmpty());
      assertTrue(failures.getFirst().getMessage().startsWith("nobody "), failures::toString);
      assertTrue(PipelineActionException.of(failures.getFirst()).isPresent());
    }
  }

  /// Stage 1 wants the second forward pass before it gives the first gradient, which stage 0 waits for.
  @Test
  void aScheduleThatWaitsInACircleIsFound() throws InterruptedException {
    PipelineSchedule circle =
        new PipelineSchedule(
            2,
            1,
            2,
            List.of(
                List.of(
                    PipelineAction.forward(0, 0),
                    PipelineAction.backward(0, 0),
                    PipelineAction.forward(0, 1),
                    PipelineAction.backward(0, 1)),
                PipelineSchedule.gPipe(2, 2).actions(1)));
    List<Throwable> failures = new TinyPipeline(circle, 8, IMPATIENT_MILLIS).run(1);
    List<String> places =
        failures.stream()
            .map(failure -> PipelineActionException.of(failure).orElseThrow().getMessage())
            .sorted()
            .toList();
    assertEquals(
        List.of(
            "stage 0 of 2 failed while receiving the input of backward of chunk 0, micro-batch 0",
            "stage 1 of 2 failed while receiving the input of forward of chunk 1, micro-batch 1"),
        places);
  }

  /// The bits do depend on the order: GPipe with its backward passes reversed gives other gradients.
  @Test
  void backwardPassesOutOfOrderChangeTheBits() throws InterruptedException {
    List<List<PipelineAction>> lists = new ArrayList<>();
    for (int stage = 0; stage < 2; stage++) {
      List<PipelineAction> list =
          new ArrayList<>(PipelineSchedule.gPipe(2, 8).actions(stage).subList(0, 8));
      for (int microBatch = 7; microBatch >= 0; microBatch--) {
        list.add(PipelineAction.backward(stage, microBatch));
      }
      lists.add(list);
    }
    assertThrows(IllegalArgumentException.class, () -> PipelineSchedule.of(2, 1, 8, lists));
    PipelineSchedule reversed = new PipelineSchedule(2, 1, 8, lists);
    TinyPipeline pipeline = new TinyPipeline(reversed, 8, PATIENT_MILLIS);
    assertEquals(List.of(), pipeline.run(1));
    assertFalse(sameGradients(sequential(reversed, 1), pipeline.model));
  }

  /// Two lists that send in another order than is received.
  @Test
  void messagesOutOfOrderAreFound() throws InterruptedException {
    PipelineSchedule crossed =
        new PipelineSchedule(
            2,
            1,
            2,
            List.of(
                List.of(PipelineAction.forward(0, 1), PipelineAction.forward(0, 0)),
                List.of(PipelineAction.forward(1, 0), PipelineAction.forward(1, 1))));
    List<Throwable> failures = new TinyPipeline(crossed, 8, IMPATIENT_MILLIS).run(1);
    assertEquals(1, failures.size());
    assertEquals(
        "the activation of micro-batch 1 from chunk 0 on stage 0 to chunk 1 on stage 1 came before"
            + " the activation of micro-batch 0 from chunk 0 on stage 0 to chunk 1 on stage 1",
        failures.getFirst().getMessage());
  }

  /// A value that knows whether it was closed.
  private static final class Value implements AutoCloseable {
    private boolean closed;

    @Override
    public void close() {
      closed = true;
    }
  }

  /// One stage with two chunks; fails in the forward pass of micro-batch 1, when the gradient of micro-batch 0 waits for chunk 0.
  private static final class FailingWork implements StageWork<Value> {
    private final ArithmeticException failure = new ArithmeticException("not finite");
    private final Value gradient = new Value();

    @Override
    public Optional<Value> forward(int chunk, int microBatch, Optional<Value> activation) {
      if (microBatch == 1) {
        throw failure;
      }
      return chunk == 0 ? Optional.of(new Value()) : Optional.empty();
    }

    @Override
    public Optional<Value> backward(int chunk, int microBatch, Optional<Value> received) {
      return Optional.of(gradient);
    }
  }

  @Test
  void failuresKeepTheirTypeNameTheirPlaceAndFreeWhatIsHeld() {
    FailingWork work = new FailingWork();
    PipelineExecutor<Value> executor =
        new PipelineExecutor<>(
            PipelineSchedule.interleaved(1, 2, 2), 0, new QueueLinks<Value>(1, 1), work);
    assertSame(work.failure, assertThrows(ArithmeticException.class, executor::run));
    assertEquals(
        "stage 0 of 1 failed while running forward of chunk 0, micro-batch 1",
        PipelineActionException.of(work.failure).orElseThrow().getMessage());
    assertTrue(work.gradient.closed);
    assertEquals(Optional.empty(), PipelineActionException.of(new ArithmeticException()));
  }

  /// Returns the same whatever is asked.
  private record Constant(Optional<Value> result) implements StageWork<Value> {
    @Override
    public Optional<Value> forward(int chunk, int microBatch, Optional<Value> activation) {
      return result;
    }

    @Override
    public Optional<Value> backward(int chunk, int microBatch, Optional<Value> gradient) {
      return result;
    }
  }

  @Test
  void resultsThatDoNotFitTheScheduleAreErrors() {
    PipelineSchedule schedule = PipelineSchedule.forwardOnly(1, 2, 1);
    assertEquals(
        "the activation of micro-batch 0 from chunk 0 on stage 0 to chunk 1 on stage 0 is due, but"
            + " nothing was returned",
        failure(schedule, Optional.empty()).getMessage());
    IllegalStateException surplus = failure(schedule, Optional.of(new Value()));
    assertEquals("a value was returned, but no chunk takes it", surplus.getMessage());
    assertEquals(
        "stage 0 of 1 failed while sending the output of forward of chunk 1, micro-batch 0",
        PipelineActionException.of(surplus).orElseThrow().getMessage());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new PipelineExecutor<>(
                schedule, 1, new QueueLinks<Value>(1, 1), new Constant(Optional.empty())));
  }

  private static IllegalStateException failure(PipelineSchedule schedule, Optional<Value> result) {
    PipelineExecutor<Value> executor =
        new PipelineExecutor<>(schedule, 0, new QueueLinks<Value>(1, 1), new Constant(result));
    return assertThrows(IllegalStateException.class, executor::run);
  }
}
