package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// A model that tensor ranks share against the same model on one, in double precision: losses, accuracy and the gradient of every parameter.
class SplitTapeTest {
  private static final long SEED = 11;

  /// What all ranks found together; a gradient is put together from what the ranks have of it.
  private record Outcome(double loss, Evaluation evaluation, Map<String, double[]> gradients) {}

  private record Setting(int samples, Loss loss, double dropout, boolean recomputed, boolean cut) {}

  private static Outcome outcome(int size, boolean sequence, Setting setting) throws Exception {
    Map<Integer, Double> losses = new ConcurrentHashMap<>();
    Map<Integer, Evaluation> evaluations = new ConcurrentHashMap<>();
    Map<Integer, Map<String, double[]>> parts = new ConcurrentHashMap<>();
    ThreadedRanks.run(
        size,
        sequence,
        group -> {
          TinyTransformer model = new TinyTransformer();
          int rows = setting.samples() * TinyTransformer.TIME;
          int[] classes = TestTensors.randomIds(SEED + 1, rows, TinyTransformer.VOCABULARY);
          classes[rows / 2] = -1;
          SavedTensors saved =
              setting.recomputed() ? new RecomputedSegments() : SavedTensors.keep();
          try (ReferenceBackend backend = new ReferenceBackend();
              ParameterStore store =
                  new ParameterStore(
                      backend, model.parameters(), DType.F64, TinyTransformer.sharding(group));
              Tape tape = new Tape(backend, saved, WeightGradient.EXACT, true, group);
              Tensor ids =
                  TestTensors.ids(
                      backend,
                      TestTensors.randomIds(SEED, rows, TinyTransformer.VOCABULARY),
                      setting.samples(),
                      TinyTransformer.TIME);
              Tensor targets = TestTensors.ids(backend, classes, rows)) {
            store.initialise(SEED);
            tape.drawFrom(Philox.of(SEED, Philox.Purpose.DROPOUT));
            store.beginAccumulation();
            losses.put(group.rank(), walk(tape, backend, model, ids, targets, setting, group));
            store.endAccumulation();
            store.combineUses();
            parts.put(group.rank(), gradients(backend, store, group));
            evaluations.put(group.rank(), evaluate(backend, model, ids, targets, group));
          }
        });
    for (int rank = 1; rank < size; rank++) {
      assertEquals(losses.get(0), losses.get(rank), "all ranks have the same bits of the loss");
      assertEquals(evaluations.get(0), evaluations.get(rank));
    }
    return new Outcome(losses.get(0), evaluations.get(0), together(parts, sequence));
  }

  /// Forward and backward; returns the loss.
  private static double walk(
      Tape tape,
      ReferenceBackend backend,
      TinyTransformer model,
      Tensor ids,
      Tensor targets,
      Setting setting,
      TensorGroup group) {
    double dropout = setting.dropout();
    if (!setting.cut()) {
      Variable logits = model.logits(tape, ids, dropout, 30);
      double loss = tape.crossEntropy(setting.loss(), logits, targets, 0.25);
      tape.backward();
      return loss;
    }
    Variable output = model.first(tape, ids, dropout, 30);
    try (Tape second = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true, group)) {
      second.drawFrom(Philox.of(SEED, Philox.Purpose.DROPOUT));
      long rows = ids.elements();
      Spread spread =
          Spread.handedOn(
              group,
              TinyTransformer.sharding(group),
              named(model.parameters(), "norm1.gamma"),
              rows,
              output.value().shape().dim(1));
      assertEquals(output.spread(), spread);
      Variable leaf = second.leaf(output.value(), spread);
      Variable logits = model.last(second, leaf, setting.samples(), dropout, 30);
      double loss = second.crossEntropy(setting.loss(), logits, targets, 0.25);
      second.backward();
      try (Tensor gradient = second.takeGradient(leaf).orElseThrow()) {
        tape.backward(output, gradient);
      }
      return loss;
    }
  }

  private static Evaluation evaluate(
      ReferenceBackend backend,
      TinyTransformer model,
      Tensor ids,
      Tensor targets,
      TensorGroup group) {
    try (Tape tape = Tape.evaluating(backend, group)) {
      Variable logits = model.logits(tape, ids, 0.5, 0);
      Evaluation counted = Predictions.count(tape, logits, targets);
      double loss = tape.crossEntropy(logits, targets, 1);
      return new Evaluation(loss, counted.rows(), counted.correct());
    }
  }

  /// This rank's gradients at their places in the whole parameters; NaN elsewhere.
  private static Map<String, double[]> gradients(
      ReferenceBackend backend, ParameterStore store, TensorGroup group) {
    Map<String, double[]> all = new TreeMap<>();
    for (Parameter parameter : store.parameters()) {
      double[] local = TestTensors.values(backend, parameter.gradient());
      double[] whole = new double[(int) parameter.shape().elements()];
      Arrays.fill(whole, Double.NaN);
      parameter
          .shard()
          .forEachRun(
              (from, to, extent) ->
                  System.arraycopy(local, (int) from, whole, (int) to, (int) extent));
      all.put(parameter.split() + " " + parameter.name(), whole);
    }
    return all;
  }

  private static Map<String, double[]> together(
      Map<Integer, Map<String, double[]>> parts, boolean sequence) {
    Map<String, double[]> all = new TreeMap<>();
    for (String name : parts.get(0).keySet()) {
      boolean equal = name.startsWith(Split.REPLICATED + " ") && !sequence;
      double[] sum = new double[parts.get(0).get(name).length];
      boolean[] held = new boolean[sum.length];
      for (int rank = 0; rank < parts.size(); rank++) {
        double[] part = parts.get(rank).get(name);
        if (equal) {
          assertArrayEquals(parts.get(0).get(name), part, name + " is the same on all ranks");
        }
        for (int i = 0; i < sum.length; i++) {
          held[i] |= !Double.isNaN(part[i]);
          sum[i] += Double.isNaN(part[i]) || equal && rank > 0 ? 0 : part[i];
        }
      }
      for (boolean each : held) {
        assertTrue(each, name + " has elements that no rank holds");
      }
      all.put(name.substring(name.lastIndexOf(' ') + 1), sum);
    }
    return all;
  }

  private static void compare(int size, boolean sequence, Setting setting) throws Exception {
    Outcome expected = outcome(1, false, setting);
    Outcome actual = outcome(size, sequence, setting);
    String what = size + " ranks, sequence " + sequence + ", " + setting;
    assertEquals(expected.loss(), actual.loss(), 1e-11 * expected.loss(), what);
    assertEquals(expected.evaluation().rows(), actual.evaluation().rows(), what);
    assertEquals(expected.evaluation().correct(), actual.evaluation().correct(), what);
    assertEquals(expected.evaluation().lossSum(), actual.evaluation().lossSum(), 1e-10, what);
    assertEquals(expected.gradients().keySet(), actual.gradients().keySet());
    expected
        .gradients()
        .forEach(
            (name, gradient) -> {
              double largest = Arrays.stream(gradient).map(Math::abs).max().orElseThrow();
              assertTrue(largest > 1e-6, name + " has a gradient");
              assertArrayEquals(
                  gradient, actual.gradients().get(name), 1e-11 * (1 + largest), what + " " + name);
            });
  }

  @ParameterizedTest
  @CsvSource({"1,true", "2,false", "2,true", "4,false", "4,true"})
  void ranksComputeWhatOneComputes(int size, boolean sequence) throws Exception {
    // Rows that do not come out even, fewer rows than ranks, and a gradient of everything that a
    // loss can have.
    compare(size, sequence, new Setting(2, new Loss(0.1, 0.01), 0.3, false, false));
    compare(size, sequence, new Setting(1, Loss.PLAIN, 0, false, false));
    compare(size, sequence, new Setting(3, new Loss(0, 0.02), 0.1, true, false));
    // Two tapes: what a pipeline passes on is whole, or a rank's own rows.
    compare(size, sequence, new Setting(2, Loss.PLAIN, 0.2, false, true));
  }

  /// Two linear layers end with rows of logits under sequence parallelism: each rank has the loss of its own.
  @ParameterizedTest
  @CsvSource({"2,false", "2,true", "4,true"})
  void logitsMayBeSplitByRows(int size, boolean sequence) throws Exception {
    double[] expected = perceptron(1, false);
    double[] actual = perceptron(size, sequence);
    assertArrayEquals(expected, actual, 1e-12);
  }

  private static double[] perceptron(int size, boolean sequence) throws Exception {
    double[][] found = new double[size][];
    ThreadedRanks.run(
        size,
        sequence,
        group -> {
          TinyTransformer model = new TinyTransformer();
          List<Parameter> all = model.parameters();
          Parameter up = named(all, "column.weight");
          Parameter down = named(all, "row3.weight");
          Parameter bias = named(all, "bias3");
          try (ReferenceBackend backend = new ReferenceBackend();
              ParameterStore store =
                  new ParameterStore(backend, all, DType.F64, TinyTransformer.sharding(group));
              Tape tape =
                  new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true, group);
              Tape second =
                  new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true, group);
              Tensor x = TestTensors.normal(backend, DType.F64, SEED, 5, 8);
              Tensor targets = TestTensors.ids(backend, new int[] {1, 0, -1, 7, 3}, 5)) {
            store.initialise(SEED);
            store.beginAccumulation();
            Variable hidden = tape.relu(tape.linear(tape.constant(x), up, Optional.empty()));
            // A cut between the two layers hands columns on.
            Spread spread = Spread.handedOn(group, TinyTransformer.sharding(group), down, 5, 8);
            assertEquals(hidden.spread(), spread);
            Variable leaf = second.leaf(hidden.value(), spread);
            Variable logits = second.linear(leaf, down, Optional.of(bias));
            Evaluation counted = Predictions.count(second, logits, targets);
            double loss = second.crossEntropy(logits, targets, 1);
            second.backward();
            try (Tensor gradient = second.takeGradient(leaf).orElseThrow()) {
              tape.backward(hidden, gradient);
            }
            store.endAccumulation();
            if (sequence) {
              group.sum(bias.gradient());
            }
            double[] slopes = TestTensors.values(backend, bias.gradient());
            double[] result = Arrays.copyOf(slopes, slopes.length + 3);
            result[slopes.length] = loss;
            result[slopes.length + 1] = counted.rows();
            result[slopes.length + 2] = counted.correct();
            found[group.rank()] = result;
          }
        });
    for (double[] each : found) {
      assertArrayEquals(found[0], each);
    }
    return found[0];
  }

  static Parameter named(List<Parameter> parameters, String name) {
    return parameters.stream().filter(p -> p.name().equals(name)).findFirst().orElseThrow();
  }

  /// A shard has the first values of the whole parameter, and is no larger than it says.
  @Test
  void shardsStartWithTheValuesOfTheWhole() throws Exception {
    Map<String, double[]> whole = new TreeMap<>();
    for (int size : new int[] {1, 2, 4}) {
      ThreadedRanks.run(
          size,
          false,
          group -> {
            try (ReferenceBackend backend = new ReferenceBackend();
                ParameterStore store =
                    new ParameterStore(
                        backend,
                        new TinyTransformer().parameters(),
                        Precision.F32,
                        TinyTransformer.sharding(group))) {
              store.initialise(SEED);
              for (Parameter parameter : store.parameters()) {
                double[] local = TestTensors.values(backend, parameter.value());
                assertEquals(parameter.localShape(), parameter.value().shape());
                assertEquals(parameter.localShape(), parameter.gradient().shape());
                if (group.size() == 1) {
                  whole.put(parameter.name(), local);
                  assertEquals(parameter.shape(), parameter.localShape());
                } else {
                  double[] all = whole.get(parameter.name());
                  parameter
                      .shard()
                      .forEachRun(
                          (from, to, extent) ->
                              assertArrayEquals(
                                  Arrays.copyOfRange(all, (int) to, (int) (to + extent)),
                                  Arrays.copyOfRange(local, (int) from, (int) (from + extent)),
                                  parameter.name()));
                }
              }
            }
          });
    }
    assertEquals(15, whole.size());
  }
}
