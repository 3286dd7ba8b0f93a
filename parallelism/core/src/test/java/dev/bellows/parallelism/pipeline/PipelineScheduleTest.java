package dev.bellows.parallelism.pipeline;

import static dev.bellows.parallelism.pipeline.PipelineAction.backward;
import static dev.bellows.parallelism.pipeline.PipelineAction.forward;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.pipeline.PipelineAction.Pass;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PipelineScheduleTest {
  private static final int MOST_STAGES = 6;
  private static final int MOST_MICRO_BATCHES = 14;

  /// Calls `body` for every kind and size.
  private static void forEach(BiConsumer<String, PipelineSchedule> body) {
    for (int p = 1; p <= MOST_STAGES; p++) {
      for (int m = 1; m <= MOST_MICRO_BATCHES; m++) {
        Schedules.all(p, m).forEach(body);
      }
    }
  }

  /// F or B, micro-batch, and the chunk as a letter: "F0a B0a".
  private static String text(PipelineSchedule schedule, int stage) {
    List<String> words = new ArrayList<>();
    for (PipelineAction action : schedule.actions(stage)) {
      words.add(
          (action.pass() == Pass.FORWARD ? "F" : "B")
              + action.microBatch()
              + (char) ('a' + action.chunk() / schedule.stages()));
    }
    return String.join(" ", words);
  }

  @Test
  void listsAreThoseOfThePapers() {
    assertEquals("F0a F1a F2a B0a B1a B2a", text(PipelineSchedule.gPipe(2, 3), 1));
    // Figure 4 of Narayanan et al. 2021, upper half, without the micro-batches 5 to 8.
    PipelineSchedule plain = PipelineSchedule.oneForwardOneBackward(4, 4);
    assertEquals("F0a F1a F2a F3a B0a B1a B2a B3a", text(plain, 0));
    assertEquals("F0a F1a F2a B0a F3a B1a B2a B3a", text(plain, 1));
    assertEquals("F0a F1a B0a F2a B1a F3a B2a B3a", text(plain, 2));
    assertEquals("F0a B0a F1a B1a F2a B2a F3a B3a", text(plain, 3));
    PipelineSchedule interleaved = PipelineSchedule.interleaved(2, 2, 4);
    assertEquals(
        "F0a F1a F0b F1b F2a B0b F3a B1b F2b B0a F3b B1a B2b B3b B2a B3a", text(interleaved, 0));
    assertEquals(
        "F0a F1a F0b B0b F1b B1b F2a B0a F3a B1a F2b B2b F3b B3b B2a B3a", text(interleaved, 1));
    assertEquals("F0a F1a F0b F1b F2a F2b", text(PipelineSchedule.forwardOnly(2, 2, 3), 0));
  }

  @Test
  void oneChunkInterleavedIsOneForwardOneBackward() {
    for (int m = 1; m <= 9; m++) {
      for (int stage = 0; stage < 4; stage++) {
        int warmUp = Math.min(m, 3 - stage);
        StringBuilder expected = new StringBuilder();
        for (int i = 0; i < m + warmUp; i++) {
          expected.append(i < m ? "F" + i + "a " : "");
          expected.append(i >= warmUp ? "B" + (i - warmUp) + "a " : "");
        }
        assertEquals(
            expected.toString().strip(), text(PipelineSchedule.oneForwardOneBackward(4, m), stage));
      }
    }
  }

  @Test
  void everyPassHappensOnceAndInMicroBatchOrder() {
    forEach(
        (name, schedule) -> {
          List<Integer> order = IntStream.range(0, schedule.microBatches()).boxed().toList();
          for (int chunk = 0; chunk < schedule.chunks(); chunk++) {
            for (int stage = 0; stage < schedule.stages(); stage++) {
              List<Integer> here = stage == chunk % schedule.stages() ? order : List.of();
              assertEquals(here, microBatches(schedule, stage, Pass.FORWARD, chunk), name);
              assertEquals(
                  schedule.isForwardOnly() ? List.of() : here,
                  microBatches(schedule, stage, Pass.BACKWARD, chunk),
                  name);
            }
          }
        });
  }

  private static List<Integer> microBatches(
      PipelineSchedule schedule, int stage, Pass pass, int chunk) {
    return schedule.actions(stage).stream()
        .filter(action -> action.pass() == pass && action.chunk() == chunk)
        .map(PipelineAction::microBatch)
        .toList();
  }

  @Test
  void activationsAliveAreThoseThatThePapersPromise() {
    for (int p = 1; p <= MOST_STAGES; p++) {
      for (int m = 1; m <= MOST_MICRO_BATCHES; m++) {
        for (int s = 0; s < p; s++) {
          assertEquals(m, PipelineSchedule.gPipe(p, m).peakActivations(s));
          assertEquals(
              Math.min(m, p - s), PipelineSchedule.oneForwardOneBackward(p, m).peakActivations(s));
          assertEquals(1, PipelineSchedule.forwardOnly(p, 2, m).peakActivations(s));
          for (int v = 2; v <= 4; v++) {
            int promised = Math.min(m * v, 2 * (p - s - 1) + (v - 1) * p + 1);
            int peak = PipelineSchedule.interleaved(p, v, m).peakActivations(s);
            String at = "p " + p + ", v " + v + ", m " + m + ", stage " + s;
            assertTrue(m % p == 0 ? peak == promised : peak <= promised, at + ": " + peak);
          }
        }
      }
    }
  }

  @Test
  void activationsAreWeighedByChunk() {
    PipelineSchedule schedule = PipelineSchedule.interleaved(2, 2, 2);
    // Stage 1: F0a F1a F0b B0b F1b B1b B0a B1a, with chunk 1 (a) weighing 10 and chunk 3 (b)
    // weighing 1.
    assertEquals("F0a F1a F0b B0b F1b B1b B0a B1a", text(schedule, 1));
    assertEquals(21, schedule.peakActivations(1, chunk -> chunk == 1 ? 10 : 1));
  }

  @Test
  void bubbleIsTheClosedForm() {
    for (int p = 1; p <= MOST_STAGES; p++) {
      for (int m = 1; m <= MOST_MICRO_BATCHES; m++) {
        double closed = (p - 1.0) / (m + p - 1);
        assertEquals(closed, PipelineSchedule.gPipe(p, m).bubbleFraction(), 1e-12);
        assertEquals(closed, PipelineSchedule.oneForwardOneBackward(p, m).bubbleFraction(), 1e-12);
        assertEquals(closed, PipelineSchedule.forwardOnly(p, 1, m).bubbleFraction(), 1e-12);
        for (int v = 1; v <= 4 && m % p == 0; v++) {
          closed = (p - 1.0) / (v * m + p - 1);
          assertEquals(closed, PipelineSchedule.interleaved(p, v, m).bubbleFraction(), 1e-12);
          assertEquals(closed, PipelineSchedule.forwardOnly(p, v, m).bubbleFraction(), 1e-12);
        }
      }
    }
  }

  @Test
  void interleavedIsNeverSlowerThanTheNextMultipleOfTheStages() {
    for (int p = 1; p <= MOST_STAGES; p++) {
      for (int v = 2; v <= 4; v++) {
        for (int m = 1; m <= MOST_MICRO_BATCHES; m++) {
          PipelineSchedule schedule = PipelineSchedule.interleaved(p, v, m);
          double makespan = schedule.makespan(a -> a.pass() == Pass.FORWARD ? 1 : 2);
          int full = (m + p - 1) / p * p;
          assertTrue(makespan <= 3.0 * (full * v + p - 1), p + " " + v + " " + m);
          assertTrue(makespan >= 3.0 * (m * v + p - 1), p + " " + v + " " + m);
        }
      }
    }
  }

  @Test
  void makespanOfUnequalStagesIsThatOfADrawing() {
    PipelineSchedule schedule = PipelineSchedule.oneForwardOneBackward(2, 2);
    // Stage 0: F0 0-1, F1 1-2, B0 8-10, B1 15-17. Stage 1: F0 1-4, B0 4-8, F1 8-11, B1 11-15.
    assertEquals(17, schedule.makespan(PipelineScheduleTest::drawnCost));
    assertEquals(1 - 20.0 / 34, schedule.bubbleFraction(PipelineScheduleTest::drawnCost), 1e-12);
    // Half a unit for each message. Stage 1: F0 1.5-4.5, B0 -8.5, F1 -11.5, B1 -15.5. Stage 0: B1
    // 16-18.
    assertEquals(18, schedule.makespan(PipelineScheduleTest::drawnCost, message -> 0.5));
  }

  @Test
  void aSendThatWaitsHoldsUpItsStage() {
    PipelineSchedule schedule = PipelineSchedule.forwardOnly(2, 1, 3);
    // Stage 1: F0 1-4, F1 4-7 in each case. Stage 0: F0 0-1, F1 1-2; with rendezvous F1 is taken at
    // 4, so F2 4-9 and on stage 1 9-12.
    assertEquals(12, boundedMakespan(schedule, 0));
    // One ahead: F1 is sent at 2, F2 2-7 and on stage 1 7-10.
    assertEquals(10, boundedMakespan(schedule, 1));
    assertEquals(10, boundedMakespan(schedule, SchedulePlay.UNBOUNDED));
  }

  private static double boundedMakespan(PipelineSchedule schedule, int sendsAhead) {
    SchedulePlay play =
        SchedulePlay.of(
            schedule,
            sendsAhead,
            action -> action.chunk() == 1 ? 3 : action.microBatch() == 2 ? 5 : 1,
            message -> 0);
    assertTrue(play.isFinished());
    return play.makespan();
  }

  private static double drawnCost(PipelineAction action) {
    int forward = action.chunk() == 0 ? 1 : 3;
    return action.pass() == Pass.FORWARD ? forward : forward + 1;
  }

  @Test
  void makespanIsTheLongestPath() {
    long seed = System.nanoTime();
    forEach((name, schedule) -> LongestPath.check(name, schedule, seed));
  }

  @Test
  void sendsAheadIsWhatTheJavadocSays() {
    forEach(
        (name, schedule) -> {
          boolean rendezvous = schedule.stages() == 1 || schedule.microBatches() == 1;
          int most = schedule.stages() == 2 && schedule.chunksPerStage() > 1 ? 2 : 1;
          if (name.startsWith("GPipe")
              || (schedule.isForwardOnly() && schedule.chunksPerStage() == 1)) {
            rendezvous = true;
          }
          int ahead = schedule.sendsAhead();
          assertTrue(ahead <= (rendezvous ? 0 : most), name + ": " + ahead);
        });
    assertEquals(1, PipelineSchedule.oneForwardOneBackward(2, 2).sendsAhead());
    assertEquals(1, PipelineSchedule.interleaved(4, 2, 8).sendsAhead());
    assertEquals(2, PipelineSchedule.interleaved(2, 2, 8).sendsAhead());
  }

  @Test
  void sendsThatWaitCostNoTimeWhenAllActionsTakeEquallyLong() {
    forEach(
        (name, schedule) -> {
          SchedulePlay bounded =
              SchedulePlay.of(
                  schedule,
                  schedule.sendsAhead(),
                  a -> a.pass() == Pass.FORWARD ? 1 : 2,
                  message -> 0);
          assertEquals(
              schedule.makespan(a -> a.pass() == Pass.FORWARD ? 1 : 2), bounded.makespan(), name);
        });
  }

  @Test
  void messagesFollowFromTheAction() {
    PipelineSchedule schedule = PipelineSchedule.interleaved(3, 2, 3);
    assertEquals(Optional.empty(), schedule.input(forward(0, 1)));
    assertEquals(
        Optional.of(new PipelineMessage(Pass.FORWARD, 1, 2, 2, 3, 0)),
        schedule.output(forward(2, 1)));
    assertEquals(schedule.output(forward(2, 1)), schedule.input(forward(3, 1)));
    assertEquals(Optional.empty(), schedule.output(forward(5, 1)));
    assertEquals(Optional.empty(), schedule.input(backward(5, 1)));
    assertEquals(
        "the gradient of micro-batch 1 from chunk 3 on stage 0 to chunk 2 on stage 2",
        schedule.output(backward(3, 1)).orElseThrow().describe());
    assertEquals(schedule.output(backward(3, 1)), schedule.input(backward(2, 1)));
    assertEquals(Optional.empty(), schedule.output(backward(0, 1)));
    assertFalse(schedule.isForwardOnly());
    assertTrue(PipelineSchedule.forwardOnly(3, 2, 3).isForwardOnly());
  }

  @Test
  void refusesListsThatAreNoSchedule() {
    refused(
        "0 stages with 1 chunks each cannot run 4 micro-batches",
        () -> PipelineSchedule.gPipe(0, 4));
    refused("2 stages with 0 chunks each", () -> PipelineSchedule.interleaved(2, 0, 4));
    refused("cannot run 0 micro-batches", () -> PipelineSchedule.oneForwardOneBackward(2, 0));
    refused(
        "1 lists of actions for 2 stages", () -> PipelineSchedule.of(2, 1, 1, List.of(List.of())));
    refused(
        "stage 0 lists forward of chunk 1, micro-batch 0, but does not hold that chunk",
        2,
        List.of(List.of(forward(1, 0)), List.of()));
    refused(
        "stage 0 lists forward of chunk 0, micro-batch 1 where micro-batch 0 is due",
        2,
        List.of(List.of(forward(0, 1)), List.of()));
    refused(
        "backward of chunk 0, micro-batch 1 where micro-batch 0 is due; gradients accumulate in",
        2,
        List.of(List.of(forward(0, 0), forward(0, 1), backward(0, 1)), List.of()));
    refused(
        "micro-batch 0 before its forward pass",
        1,
        List.of(List.of(backward(0, 0), forward(0, 0)), List.of()));
    refused(
        "forward of chunk 0, micro-batch 1, but all 1 micro-batches have passed",
        1,
        List.of(List.of(forward(0, 0), forward(0, 1)), List.of()));
    refused(
        "chunk 1 has 1 forward and 0 backward passes for 1 micro-batches",
        1,
        List.of(List.of(forward(0, 0), backward(0, 0)), List.of(forward(1, 0))));
  }

  @Test
  void refusesStagesThatWaitForEachOther() {
    List<PipelineAction> alternating =
        List.of(forward(0, 0), backward(0, 0), forward(0, 1), backward(0, 1));
    List<PipelineAction> allForwardFirst =
        List.of(forward(1, 0), forward(1, 1), backward(1, 0), backward(1, 1));
    refused(
        "the stages wait for each other: stage 0 waits to receive the gradient of micro-batch 0"
            + " from chunk 1 on stage 1 to chunk 0 on stage 0; stage 1 waits to receive the"
            + " activation of micro-batch 1 from chunk 0 on stage 0 to chunk 1 on stage 1",
        2,
        List.of(alternating, allForwardFirst));
  }

  private static void refused(
      String sentence, int microBatches, List<List<PipelineAction>> actions) {
    refused(sentence, () -> PipelineSchedule.of(2, 1, microBatches, actions));
  }

  private static void refused(String sentence, Runnable body) {
    String message = assertThrows(IllegalArgumentException.class, body::run).getMessage();
    assertTrue(message.contains(sentence), message);
  }
}
