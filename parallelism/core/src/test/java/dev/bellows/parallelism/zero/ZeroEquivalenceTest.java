package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Precision;
import dev.bellows.optimizers.Muon;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.zero.ZeroRun.Model;
import dev.bellows.parallelism.zero.ZeroRun.Outcome;
import dev.bellows.parallelism.zero.ZeroRun.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Under every ZeRO stage, on any number of ranks and by every kind of rule, a run has the bits of one rank: losses, gradient norms (clipped), final
/// parameters on all ranks, optimizer states.
class ZeroEquivalenceTest {
  private static final int STEPS = 20;
  private static final Map<ZeroRun, Outcome> ALONE = new ConcurrentHashMap<>();

  record Case(ZeroRun run, int stage, int data) {
    /// Whether a plain test run has it: every stage and rule on the uneven number of ranks, every number of ranks with two kinds of rules at once.
    boolean isPlain() {
      return run.steps() < STEPS
          || data == 3
          || run.model() == Model.GPT && run.rule() == Rule.MUON;
    }
  }

  static Stream<Case> cases() {
    return all().filter(Case::isPlain);
  }

  static Stream<Case> others() {
    return all().filter(one -> !one.isPlain());
  }

  private static Stream<Case> all() {
    List<Case> cases = new ArrayList<>();
    for (Model model : Model.values()) {
      for (Rule rule : Rule.values()) {
        for (int stage = 1; stage <= 3; stage++) {
          for (int data = stage == 2 ? 2 : 1; data <= 4; data++) {
            cases.add(new Case(new ZeroRun(model, rule, Precision.F32, STEPS, 8, 1), stage, data));
          }
        }
      }
    }
    for (int stage = 1; stage <= 3; stage++) {
      cases.add(new Case(new ZeroRun(Model.GPT, Rule.MUON, Precision.F32, 3, 4, 3), stage, 3));
      cases.add(new Case(new ZeroRun(Model.GPT, Rule.ADAMW, Precision.BF16, 3, 8, 1), stage, 3));
    }
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void hasTheBitsOfOneRank(Case one) throws Exception {
    Outcome expected = ALONE.computeIfAbsent(one.run(), ZeroRun::alone);
    Outcome actual = one.run().shared(one.stage(), one.data());
    assertEquals(expected.losses, actual.losses);
    assertEquals(expected.norms, actual.norms);
    assertEquals(List.of(), withRanks(expected, one.data()).differing(actual));
  }

  @Tag("full")
  @ParameterizedTest
  @MethodSource("others")
  void hasTheBitsOfOneRankInTheOtherLayoutsToo(Case one) throws Exception {
    hasTheBitsOfOneRank(one);
  }

  /// What makes the comparisons above worth something.
  @Test
  void parametersAreCutWhereTheRuleAllows() {
    for (Model model : Model.values()) {
      for (int data = 2; data <= 4; data++) {
        ZeroRun run = new ZeroRun(model, Rule.MUON, Precision.F32, STEPS, 8, 1);
        ZeroLayout layout = run.layout(model.create(), data);
        List<ZeroSlice> slices = new ArrayList<>();
        for (int rank = 0; rank < data; rank++) {
          slices.addAll(layout.slices(rank));
          assertTrue(
              layout.slices(rank).stream().anyMatch(slice -> isWholeMatrix(slice)),
              "rank " + rank + " of " + data + " has no matrix: " + layout.slices(rank));
        }
        assertTrue(slices.stream().anyMatch(slice -> slice.start() > 0), slices.toString());
      }
    }
  }

  private static boolean isWholeMatrix(ZeroSlice slice) {
    return Rule.MUON.of(slice.parameter()) instanceof Muon
        && slice.extent() == slice.parameter().shape().elements();
  }

  /// What `ranks` ranks leave when each holds all parameters at the end.
  private static Outcome withRanks(Outcome alone, int ranks) {
    Outcome outcome = new Outcome();
    outcome.tensors.putAll(alone.tensors);
    alone.tensors.forEach(
        (name, bits) -> {
          for (int rank = 0; rank < ranks; rank++) {
            if (alone.parameters.contains(name)) {
              outcome.tensors.put("rank " + rank + " " + name, bits);
            }
          }
        });
    return outcome;
  }

  /// Values and states by parameter, state and range of elements go from any stage and number of ranks to any other.
  @ParameterizedTest
  @CsvSource({"MUON, 1, 3, 3, 4", "MUON, 3, 4, 2, 3", "ADAMW, 2, 2, 1, 4", "ADAFACTOR, 3, 2, 3, 3"})
  void goesOnInAnotherLayout(Rule rule, int stage, int data, int nextStage, int nextData)
      throws Exception {
    ZeroRun run = new ZeroRun(Model.GPT, rule, Precision.F32, 6, 8, 1);
    Outcome expected = run.alone();
    Outcome actual = run.resumed(nextStage, nextData, run.first(3).shared(stage, data));
    assertEquals(expected.losses.subList(3, 6), actual.losses);
    assertEquals(List.of(), withRanks(expected, nextData).differing(actual));
  }

  /// The control: additions in rank order have other bits, and the comparison must see it.
  @Test
  void withoutTheTreeTheBitsDiffer() throws Exception {
    ZeroRun run = new ZeroRun(Model.GPT, Rule.ADAMW, Precision.F32, 3, 8, 1);
    Outcome expected = run.alone();
    Outcome actual =
        run.shared(1, 3, Reduction.RANK_ORDER, Optional.empty(), (share, network) -> {});
    assertNotEquals(expected.losses, actual.losses);
    assertFalse(withRanks(expected, 3).differing(actual).isEmpty());
  }
}
