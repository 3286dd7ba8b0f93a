package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.optimizers.Muon;
import dev.bellows.tensor.Shape;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.OptimizerSection;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every update rule in whole runs: the same bits on any number of workers and threads, and after a resume.
@ExtendWith(LeakWatch.class)
class OptimizersTest {
  private static final int STEPS = 4;
  private static final String GROUPS =
      "groups: [{match: '*.bias', learningRateScale: 0.5, weightDecay: 0.01}, {match: 'wpe.*',"
          + " frozen: true}]";

  @TempDir Path folder;

  private LocalRun run(String name, String optimizer, int workers, int threads) {
    return LocalRun.gpt(folder.resolve(name))
        .with(
            "train.steps=" + STEPS,
            "optimizer=" + optimizer,
            "workers.count=" + workers,
            "workers.threads=" + threads);
  }

  private static LocalRun.Ended finish(LocalRun run) {
    LocalRun.Ended ended = run.run();
    assertEquals(
        Outcome.FINISHED,
        ended.report().outcome(),
        ended.report().sentence() + ended.report().detail());
    return ended;
  }

  @ParameterizedTest
  @ValueSource(strings = {"sgd", "lion", "adafactor", "muon"})
  void hasTheSameBitsInEveryLayoutAndAfterAResume(String kind) {
    String optimizer = "{kind: " + kind + ", learningRate: 0.003, " + GROUPS + "}";
    LocalRun.Ended one = finish(run("one", optimizer, 1, 1));
    double first = loss(one, 0);
    double last = loss(one, STEPS - 1);
    assertTrue(last < first, "the loss went from " + first + " to " + last);
    // Two steps on 2 workers, the rest on 3.
    LocalRun.Ended half = run("other", optimizer, 2, 2).stopAfter(2).run();
    assertEquals(Outcome.STOPPED, half.report().outcome());
    LocalRun.Ended resumed = finish(run("other", optimizer, 3, 1));
    assertEquals(one.history().steps(), resumed.history().steps());
    assertEquals(List.of(), LocalRun.differing(one.folder(), resumed.folder(), STEPS));
    List<String> moved = LocalRun.differing(half.folder(), 2, half.folder(), STEPS);
    assertTrue(moved.contains("wte.weight") && moved.contains("ln_f.bias"), moved::toString);
    assertTrue(moved.stream().noneMatch(name -> name.contains("wpe")), moved::toString);
  }

  private static double loss(LocalRun.Ended run, int step) {
    String line = run.history().steps().get(step);
    return Double.parseDouble(line.replaceFirst(".*loss ([^,]*),.*", "$1"));
  }

  @Test
  void otherStatesAreRefusedOnResume() {
    String plain = "{kind: adamw, learningRate: 0.003}";
    run("run", plain, 1, 1).stopAfter(1).run();
    LocalRun frozen = run("run", plain.replace("}", ", " + GROUPS + "}"), 1, 1);
    BellowsException refusal = assertThrows(BellowsException.class, frozen::run);
    assertTrue(refusal.getMessage().contains("optimizer.groups"), refusal.getMessage());
    assertTrue(refusal.getMessage().contains("--fresh"), refusal.getMessage());
    String rate = plain.replace("}", ", groups: [{match: 'h.*', learningRateScale: 2}]}");
    finish(run("run", rate, 1, 1));
  }

  private static UpdatePlan plan(String optimizer) {
    String yaml =
        """
        model: {kind: gpt, layers: 1, heads: 2, width: 8, context: 4}
        data: {kind: text, path: a.txt}
        batch: {global: 8, micro: 1}
        train: {steps: 5}
        """;
    OptimizerSection section =
        ConfigLoader.load("x.yaml", yaml + "optimizer: " + optimizer, List.of()).optimizer();
    return UpdatePlan.of(section, new Gpt(new GptConfig(1, 2, 8, 4, 256, true)).parameters());
  }

  private static List<String> byMuon(UpdatePlan plan) {
    return plan.entries().stream()
        .filter(entry -> entry.treatment().rule() instanceof Muon)
        .map(entry -> entry.parameter().name())
        .toList();
  }

  @Test
  void muonTakesTheHiddenMatrices() {
    assertEquals(
        List.of(
            "h.0.attn.c_attn.weight",
            "h.0.attn.c_proj.weight",
            "h.0.mlp.c_fc.weight",
            "h.0.mlp.c_proj.weight"),
        byMuon(plan("muon")));
    assertEquals(
        List.of("wpe.weight", "h.0.attn.c_attn.weight", "h.0.attn.c_proj.weight"),
        byMuon(
            plan(
                "{kind: muon, groups: [{match: 'h.*.mlp.*', rule: adamw}, {match: wpe.weight, rule:"
                    + " muon}]}")));
    refused("which is no matrix", "{kind: muon, groups: [{match: 'h.*', rule: muon}]}");
  }

  @Test
  void statesHaveTheirOwnShapes() {
    var shapes =
        plan("adafactor").logical().stream()
            .collect(Collectors.toMap(LogicalTensor::name, LogicalTensor::shape));
    assertEquals(Shape.of(24, 8), shapes.get("h.0.attn.c_attn.weight"));
    assertEquals(Shape.of(24), shapes.get("optimizer.row_var.h.0.attn.c_attn.weight"));
    assertEquals(Shape.of(8), shapes.get("optimizer.col_var.h.0.attn.c_attn.weight"));
    assertEquals(Shape.of(24), shapes.get("optimizer.variance.h.0.attn.c_attn.bias"));
    assertEquals(
        256 * 8,
        plan("adafactor").entries().stream()
            .mapToLong(entry -> entry.workspaceElements(entry.parameter().shape()))
            .max()
            .orElseThrow());
  }

  @Test
  void patternsThatMatchNothingAreRefused() {
    refused("the nearest is h.0.attn.c_attn.weight", "{groups: [{match: 'h.*.c_atn.weight'}]}");
    refused("belong to earlier groups", "{groups: [{match: '*.bias'}, {match: 'h.*.bias'}]}");
  }

  private static void refused(String part, String optimizer) {
    BellowsException refusal = assertThrows(BellowsException.class, () -> plan(optimizer));
    assertTrue(refusal.getMessage().contains(part), refusal.getMessage());
  }
}
