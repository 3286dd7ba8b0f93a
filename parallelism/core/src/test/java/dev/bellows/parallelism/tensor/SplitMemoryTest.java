package dev.bellows.parallelism.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Variable;
import dev.bellows.nn.WeightGradient;
import dev.bellows.parallelism.plan.ModelTraits;
import dev.bellows.parallelism.plan.ModelTraits.Family;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.MemoryPool;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Bytes of a rank: what the split promises, give or take the pool's rounding.
class SplitMemoryTest {
  private static final int LAYERS = 2;
  private static final int WIDTH = 64;
  private static final int TIME = 32;
  private static final int VOCABULARY = 128;
  private static final GptConfig CONFIG =
      new GptConfig(LAYERS, 4, WIDTH, TIME, VOCABULARY, true, 0);
  private static final SplitModel SPLIT =
      new SplitModel(
          "gpt",
          new ModelTraits(Family.GPT, LAYERS, 4, 4, WIDTH),
          () -> new Gpt(CONFIG),
          VOCABULARY,
          TIME,
          0);

  /// @param kept bytes of activations that backward needs
  /// @param peak most bytes of activations
  /// @param allocated buffers that were taken from the device after the first two steps
  private record Bytes(long kept, long peak, long allocated) {}

  private static Bytes measure(int degree, boolean sequence) throws Exception {
    List<Bytes> all = new ArrayList<>();
    SplitRun.ranks()
        .run(
            degree,
            transport -> {
              CollectiveTensorGroup group =
                  new CollectiveTensorGroup(SplitRun.collectives(transport), sequence);
              Model model = SPLIT.model().get();
              ShardingPlan plan = SplitRun.plan(SPLIT, model.units(), degree);
              try (Backend backend = Backends.open("auto", BackendOptions.threads(1));
                  ParameterStore store =
                      new ParameterStore(
                          backend, model.parameters(), Precision.F32, plan.sharding(group.rank()));
                  Tape tape =
                      new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true, group)) {
                checkStore(backend.memory(), store, model);
                store.initialise(1);
                Bytes bytes = steps(backend.memory(), backend, model, store, tape);
                synchronized (all) {
                  all.add(bytes);
                }
              }
            });
    long most = all.stream().mapToLong(Bytes::kept).max().orElseThrow();
    return all.stream().filter(bytes -> bytes.kept() == most).findFirst().orElseThrow();
  }

  private static void checkStore(MemoryPool memory, ParameterStore store, Model model) {
    long elements = 0;
    long uses = 0;
    for (Parameter parameter : model.parameters()) {
      long placed = ParameterStore.placed(parameter.localShape().elements());
      elements += parameter.isTied() ? 0 : placed;
      uses += placed;
    }
    assertEquals(elements, store.values().elements());
    assertEquals(uses, store.gradients().elements());
    assertTrue(memory.live(Category.PARAMETER) <= 4 * elements * 9 / 8);
    assertTrue(memory.live(Category.GRADIENT) <= 4 * uses * 9 / 8);
  }

  private static Bytes steps(
      MemoryPool memory, Backend backend, Model model, ParameterStore store, Tape tape) {
    long kept = 0;
    long before = 0;
    for (int step = 0; step < 4; step++) {
      if (step == 2) {
        before = memory.deviceAllocations();
      }
      store.beginAccumulation();
      try (Batch batch = new SplitRun.RandomBatch(backend, SPLIT, 1).microBatch(0, 0)) {
        long held = memory.live(Category.ACTIVATION);
        Variable logits = model.logits(tape, batch);
        kept = memory.live(Category.ACTIVATION) - held;
        tape.crossEntropy(logits, batch.targets(), 1);
        tape.backward();
        tape.reset();
      }
      store.endAccumulation();
    }
    return new Bytes(kept, memory.peak(Category.ACTIVATION), memory.deviceAllocations() - before);
  }

  /// Widths of a row that one rank keeps: before and behind both norms of a block and the last norm, whole or split by rows; packed heads, attention's
  /// output and the MLP before and after GELU, split by columns, and logits.
  private static double expected(int degree, boolean sequence) {
    double whole = LAYERS * 4 * WIDTH + 2 * WIDTH;
    double split = LAYERS * 12 * WIDTH + VOCABULARY;
    return sequence ? (whole + split) / degree : whole + split / degree;
  }

  @Test
  void activationsAreSplitAsPromised() throws Exception {
    Bytes one = measure(1, false);
    for (int degree : new int[] {2, 4}) {
      for (boolean sequence : new boolean[] {false, true}) {
        Bytes bytes = measure(degree, sequence);
        double promised = expected(degree, sequence) / expected(1, false);
        double ratio = (double) bytes.kept() / one.kept();
        String what = degree + " ranks, sequence " + sequence + ": " + bytes + " of " + one;
        assertEquals(1, ratio / promised, 0.1, what);
        assertEquals(0, bytes.allocated(), what + ": the steady state takes nothing new");
        assertTrue(bytes.peak() < one.peak(), what);
        if (sequence) {
          assertTrue(bytes.peak() < one.peak() * (1.0 / degree + 0.15), what);
        }
      }
    }
  }
}
