package dev.bellows.trainer.data;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Batch;
import dev.bellows.nn.StepBatch;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.trainer.config.BatchSection;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LoadersTest {
  private static final long SEED = 3;
  private static final int SAMPLES = 37;
  private static final BatchSection BATCH = new BatchSection(24, 3, 4, BatchSection.Reduction.TREE);

  private Backend backend;

  @BeforeEach
  void open() {
    backend = Backends.open("reference", BackendOptions.threads(1));
  }

  /// Closing fails when a tensor was never released.
  @AfterEach
  void close() {
    backend.close();
  }

  /// Each sample tells its own epoch and index; `before` is called with the index first.
  private record Telling(LongConsumer before) implements Dataset {
    @Override
    public long samples() {
      return SAMPLES;
    }

    @Override
    public SampleLayout layout() {
      return new SampleLayout(DType.I32, 2, 3, 1000);
    }

    @Override
    public void read(long epoch, long index, MemorySegment inputs, MemorySegment targets) {
      before.accept(index);
      assertEquals(8, inputs.byteSize());
      assertEquals(12, targets.byteSize());
      inputs.setAtIndex(JAVA_INT, 0, (int) epoch);
      inputs.setAtIndex(JAVA_INT, 1, (int) index);
      for (int i = 0; i < 3; i++) {
        targets.setAtIndex(JAVA_INT, i, (int) (10 * index + i));
      }
    }
  }

  private static final Dataset TELLING = new Telling(index -> {});

  private StepLoader loader(Dataset dataset, int firstGroup, int endGroup) {
    return new StepLoader(
        dataset,
        new SampleOrder(SEED, SAMPLES),
        BATCH,
        IntStream.range(firstGroup, endGroup).boxed().toList(),
        backend);
  }

  /// The positions that a step batch holds, in order, as (epoch, index) pairs.
  private static List<List<Integer>> samples(StepBatch step) {
    List<List<Integer>> samples = new ArrayList<>();
    for (int group = step.firstGroup(); group < step.endGroup(); group++) {
      for (int index = 0; index < step.microBatchesPerGroup(); index++) {
        try (Batch micro = step.microBatch(group, index)) {
          assertEquals(Shape.of(3, 2), micro.inputs().shape());
          assertEquals(Shape.of(9), micro.targets().shape());
          assertEquals(Category.ACTIVATION, micro.inputs().storage().category());
          assertEquals(3, micro.samples());
          int[] inputs = micro.inputs().segment().toArray(JAVA_INT);
          int[] targets = micro.targets().segment().toArray(JAVA_INT);
          for (int i = 0; i < 3; i++) {
            samples.add(List.of(inputs[2 * i], inputs[2 * i + 1]));
            assertEquals(10 * inputs[2 * i + 1] + 2, targets[3 * i + 2]);
            SampleOrder order = new SampleOrder(SEED, SAMPLES);
            assertEquals(order.epoch(micro.firstSample() + i), inputs[2 * i]);
            assertEquals(order.index(micro.firstSample() + i), inputs[2 * i + 1]);
          }
        }
      }
    }
    return samples;
  }

  private static List<List<Integer>> expected(long step, int firstGroup, int endGroup) {
    SampleOrder order = new SampleOrder(SEED, SAMPLES);
    List<List<Integer>> samples = new ArrayList<>();
    for (long position = step * 24 + firstGroup * 6L;
        position < step * 24 + endGroup * 6L;
        position++) {
      samples.add(List.of((int) order.epoch(position), (int) order.index(position)));
    }
    return samples;
  }

  @Test
  void eachRankGetsItsGroupsOfTheStep() {
    int[][] ranges = {{0, 4}, {0, 2}, {2, 4}, {0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 3}};
    for (int[] range : ranges) {
      try (StepLoader loader = loader(TELLING, range[0], range[1])) {
        // 37 samples and 24 a step: steps straddle epochs.
        for (long step = 5; step < 10; step++) {
          StepBatch batch = loader.load(step);
          assertEquals(range[0], batch.firstGroup());
          assertEquals(range[1], batch.endGroup());
          assertEquals(2, batch.microBatchesPerGroup());
          assertEquals(1.0 / (24 * 3), batch.lossScale());
          assertEquals(expected(step, range[0], range[1]), samples(batch));
          assertEquals(
              expected(step, range[0], range[1]),
              samples(batch),
              "micro-batches can be loaded again");
        }
      }
    }
  }

  @Test
  void stepsMayComeInAnyOrder() {
    try (StepLoader loader = loader(TELLING, 1, 3)) {
      for (long step : new long[] {0, 1, 1, 7, 2, 0, 1_000_000}) {
        assertEquals(expected(step, 1, 3), samples(loader.load(step)));
      }
    }
  }

  @Test
  void theNextStepIsReadAhead() throws InterruptedException {
    CountDownLatch twoSteps = new CountDownLatch(48);
    try (StepLoader loader = loader(new Telling(index -> twoSteps.countDown()), 0, 4)) {
      loader.load(0);
      assertTrue(twoSteps.await(10, TimeUnit.SECONDS), "the second step was not read ahead");
    }
  }

  @Test
  void theWaitForDataIsMeasured() {
    Dataset slow = new Telling(index -> pause());
    try (StepLoader loader = loader(slow, 0, 1)) {
      assertEquals(0, loader.waitNanos());
      loader.load(0);
      // 6 samples of 5 ms each.
      assertTrue(loader.waitNanos() >= 30_000_000, () -> "waited " + loader.waitNanos() + " ns");
    }
  }

  private static void pause() {
    try {
      Thread.sleep(5);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void anErrorOfTheBackgroundThreadSurfacesWithItsCause() {
    IllegalStateException cause = new IllegalStateException("the disk is gone");
    int broken = expected(1, 0, 4).get(7).get(1);
    Dataset failing =
        new Telling(
            index -> {
              if (index == broken && armed) {
                throw cause;
              }
            });
    try (StepLoader loader = loader(failing, 0, 4)) {
      StepBatch first = loader.load(0);
      boolean inFirst = expected(0, 0, 4).stream().anyMatch(sample -> sample.get(1) == broken);
      assertFalse(inFirst, "the seed puts the broken sample into step 0 too");
      assertEquals(expected(0, 0, 4), samples(first));
      DataException error = assertThrows(DataException.class, () -> loader.load(1));
      assertEquals("the samples of step 1 could not be read: the disk is gone", error.getMessage());
      assertSame(cause, error.getCause());
      armed = false;
      assertEquals(expected(1, 0, 4), samples(loader.load(1)), "a later attempt may succeed");
    }
  }

  private volatile boolean armed = true;

  @Test
  void aBatchEndsWithTheNextOneAndWithTheLoader() {
    StepBatch second;
    try (StepLoader loader = loader(TELLING, 0, 2)) {
      StepBatch first = loader.load(0);
      second = loader.load(1);
      assertEquals(
          "the batch of step 0 was used after the next one was loaded",
          assertThrows(IllegalStateException.class, () -> first.microBatch(0, 0)).getMessage());
      StepBatch valid = second;
      assertThrows(IndexOutOfBoundsException.class, () -> valid.microBatch(2, 0));
      assertThrows(IndexOutOfBoundsException.class, () -> valid.microBatch(0, 2));
    }
    assertThrows(IllegalStateException.class, () -> second.microBatch(0, 0));
  }

  @Test
  void closingEndsTheThread() throws InterruptedException {
    String name = "bellows-data-group-2";
    StepLoader loader = loader(new Telling(index -> pause()), 2, 3);
    loader.load(0);
    assertTrue(
        Thread.getAllStackTraces().keySet().stream()
            .anyMatch(thread -> thread.getName().equals(name)));
    loader.close();
    loader.close();
    // The pool's thread may outlive its termination by a moment.
    for (int i = 0; i < 100 && alive(name); i++) {
      Thread.sleep(10);
    }
    assertFalse(alive(name));
  }

  private static boolean alive(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals(name));
  }

  @Test
  void wrongGroupsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> loader(TELLING, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> loader(TELLING, 0, 5));
    assertThrows(IllegalArgumentException.class, () -> loader(TELLING, -1, 2));
  }

  @Test
  void validationRunsThroughAllSamplesInOrder() {
    for (int size : new int[] {1, 5, 37, 50}) {
      for (long limit : new long[] {0, 4, 10, 37, 99}) {
        long counting = limit == 0 ? SAMPLES : Math.min(limit, SAMPLES);
        try (ValidationLoader loader = new ValidationLoader(TELLING, limit, size, backend)) {
          assertEquals(counting, loader.samples());
          List<Integer> targets = new ArrayList<>();
          long counted = 0;
          for (long index = 0; index < loader.batches(); index++) {
            try (ValidationBatch batch = loader.load(index)) {
              assertEquals(size, batch.batch().samples());
              assertEquals(Shape.of(size, 2), batch.batch().inputs().shape());
              assertArrayEquals(
                  batch.targets(), batch.batch().targets().segment().toArray(JAVA_INT));
              counted += batch.counted();
              for (int target : batch.targets()) {
                targets.add(target);
              }
            }
          }
          assertEquals(counting * 3, counted);
          assertEquals(Math.ceilDiv(counting, size) * size * 3, targets.size());
          for (int i = 0; i < targets.size(); i++) {
            assertEquals(
                i < counting * 3 ? 10 * (i / 3) + i % 3 : SampleLayout.IGNORED, targets.get(i));
          }
        }
      }
    }
  }
}
