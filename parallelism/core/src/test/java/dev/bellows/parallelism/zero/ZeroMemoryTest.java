package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.parallelism.plan.ZeroSlices;
import dev.bellows.parallelism.plan.ZeroSlices.Slice;
import dev.bellows.parallelism.zero.ZeroRun.Model;
import dev.bellows.parallelism.zero.ZeroRun.Outcome;
import dev.bellows.parallelism.zero.ZeroRun.Rule;
import dev.bellows.tensor.Category;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The peak bytes of every rank are what the slices promise: counted here from [ZeroSlices], units and groups alone. The pool may round a buffer up by an
/// eighth.
class ZeroMemoryTest {
  private static final int GROUPS = 8;

  /// Elements by category.
  private record Promise(long values, long gradients, long states) {}

  private static Promise promise(ZeroRun run, int stage, int data, int rank) {
    List<List<Parameter>> units =
        run.model().create().units().stream().map(unit -> unit.parameters()).toList();
    List<Parameter> parameters = new ArrayList<>();
    List<Integer> unitOf = new ArrayList<>();
    long wholeGradients = 0;
    long largestValues = 0;
    long before = 0;
    long largestGradients = 0;
    for (int unit = 0; unit < units.size(); unit++) {
      long values = 0;
      long gradients = 0;
      for (Parameter parameter : units.get(unit)) {
        long placed = ParameterStore.placed(parameter.shape().elements());
        // A tied head reads the table of another unit.
        values += placed;
        gradients += placed;
        if (!parameter.isTied()) {
          parameters.add(parameter);
          unitOf.add(unit);
        }
      }
      wholeGradients += gradients;
      // The next unit's values come while one is computed.
      largestValues = Math.max(largestValues, values + before);
      before = values;
      largestGradients = Math.max(largestGradients, gradients);
    }
    ZeroSlices slices =
        new ZeroSlices(
            parameters.stream().map(parameter -> parameter.shape().elements()).toList(),
            parameters.stream().map(parameter -> false).toList(),
            unitOf,
            data);
    long ownValues = 0;
    long ownGradients = 0;
    long wholeValues = 0;
    for (Slice slice : slices.slices(rank)) {
      Parameter parameter = parameters.get(slice.parameter());
      long uses =
          units.stream().flatMap(List::stream).filter(p -> p.primary() == parameter).count();
      ownValues += ParameterStore.placed(slice.extent());
      ownGradients += uses * ParameterStore.placed(slice.extent());
    }
    for (Parameter parameter : parameters) {
      wholeValues += ParameterStore.placed(parameter.shape().elements());
    }
    int rounds = GROUPS / data;
    int partials = Integer.numberOfTrailingZeros(rounds);
    long gradients =
        stage == 1
            ? (1 + partials) * wholeGradients
            : Math.max(1, partials) * ownGradients + largestGradients;
    long values = stage == 3 ? ownValues + largestValues : wholeValues;
    return new Promise(values, gradients, 2 * ownValues);
  }

  @ParameterizedTest
  @CsvSource({"GPT, 1, 2", "GPT, 2, 2", "GPT, 3, 2", "GPT, 2, 4", "GPT, 3, 4", "LLAMA, 3, 4"})
  void peaksAreWhatTheSlicesPromise(Model model, int stage, int data) throws Exception {
    ZeroRun run = new ZeroRun(model, Rule.ADAMW, Precision.F32, 2, GROUPS, 1);
    Outcome outcome = run.shared(stage, data);
    for (int rank = 0; rank < data; rank++) {
      Promise promise = promise(run, stage, data, rank);
      String where = model + " stage " + stage + ", rank " + rank + " of " + data;
      // Where a sum comes in beside its sibling, one region's slice waits for the addition.
      long incoming = stage > 1 && data < GROUPS ? run.largestSlice(data, rank) : 0;
      check(outcome, rank, Category.PARAMETER, promise.values(), 0, where);
      check(outcome, rank, Category.GRADIENT, promise.gradients(), incoming, where);
      check(outcome, rank, Category.OPTIMIZER, promise.states(), 0, where);
    }
  }

  private static void check(
      Outcome outcome, int rank, Category category, long elements, long incoming, String where) {
    long peak = outcome.peaks.get(rank).get(category);
    long least = Float.BYTES * elements;
    long most = Float.BYTES * (elements + incoming) * 9 / 8 + 512;
    assertTrue(
        peak >= least && peak <= most,
        where + ": " + category + " peaked at " + peak + " bytes, promised were " + least);
  }
}
