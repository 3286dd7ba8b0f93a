package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.aeron.AeronTransportProvider;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import dev.bellows.trainer.control.RunReport.Outcome;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The same run on any number of workers and threads and over any network has the same bits: losses, gradient norms, validation, weights,
/// optimizer states.
@ExtendWith(LeakWatch.class)
class LayoutIdentityTest {
  private static final int STEPS = 6;

  @TempDir static Path temp;
  private static LocalRun.Ended oneWorker;

  @TempDir Path folder;

  @BeforeAll
  static void trainWithOneWorker() {
    oneWorker = finish(layout(temp.resolve("one"), 1, 1));
  }

  private static LocalRun layout(Path run, int workers, int threads) {
    return LocalRun.gpt(run)
        .with(
            "train.steps=" + STEPS,
            "evaluate.every=3",
            "model.dropout=0.1",
            "model.labelSmoothing=0.1",
            "model.zLoss=1e-3",
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

  @ParameterizedTest(name = "{0} workers of {1} threads over {2} {3}")
  @CsvSource({
    "1, 3, in-process, auto",
    "2, 1, in-process, auto",
    "2, 3, in-process, auto",
    "3, 2, in-process, auto",
    "4, 1, in-process, auto",
    "1, 2, aeron, auto",
    "2, 2, aeron, auto",
    "3, 1, aeron, auto",
    "4, 1, aeron, auto",
    "2, 1, aeron, udp",
    "3, 2, aeron, udp"
  })
  void hasTheBitsOfOneWorker(int workers, int threads, String network, String kind) {
    TransportProvider provider =
        network.equals("aeron") ? new AeronTransportProvider() : new InProcessTransportProvider();
    LocalRun.Ended ended =
        finish(
            layout(folder.resolve("run"), workers, threads)
                .over(provider)
                .with("transport.kind=" + kind));
    assertEquals(STEPS, ended.history().steps().size());
    assertEquals(oneWorker.history().steps(), ended.history().steps());
    assertEquals(oneWorker.history().evaluations(), ended.history().evaluations());
    assertEquals(List.of(), LocalRun.differing(oneWorker.folder(), ended.folder(), STEPS));
  }

  /// BF16 products have other bits, which depend on workers and threads no more than those of F32.
  @Test
  void bf16HasTheBitsOfOneWorkerToo() {
    LocalRun.Ended one = finish(inBf16("one", 1, 1));
    LocalRun.Ended three = finish(inBf16("three", 3, 2));
    assertEquals(one.history().steps(), three.history().steps());
    assertEquals(List.of(), LocalRun.differing(one.folder(), three.folder(), STEPS));
    try (Backend cpu = Backends.open("cpu", BackendOptions.threads(1))) {
      assertEquals(
          !cpu.productTypes().contains(DType.BF16),
          oneWorker.history().steps().equals(one.history().steps()),
          "a device without BF16 products trains in F32");
    }
  }

  private LocalRun inBf16(String name, int workers, int threads) {
    return layout(folder.resolve(name), workers, threads).with("train.precision=bf16");
  }

  @Test
  void fourWorkersHaveTheBitsOfTheReferenceBackendsOneWorker() {
    LocalRun run = LocalRun.mlp(folder.resolve("a")).with("train.steps=4", "backend=reference");
    LocalRun.Ended one = finish(run.with("workers.count=1"));
    LocalRun.Ended four =
        finish(
            LocalRun.mlp(folder.resolve("b"))
                .with("train.steps=4", "backend=reference", "workers.count=4"));
    assertEquals(one.history().steps(), four.history().steps());
    assertEquals(List.of(), LocalRun.differing(one.folder(), four.folder(), 4));
  }

  /// The control: sums in rank order depend on the number of ranks, and the comparison above must see it. With 8 groups three workers own
  /// 3, 3 and 2, so that their sums are no longer those of one worker that adds group after group.
  @Test
  void withoutTheTreeTheBitsDependOnTheWorkers() {
    LocalRun.Ended one = finish(eightGroups("a", 1, "rank"));
    LocalRun.Ended three = finish(eightGroups("b", 3, "rank"));
    assertNotEquals(one.history().steps(), three.history().steps());
    assertFalse(LocalRun.differing(one.folder(), three.folder(), STEPS).isEmpty());
    LocalRun.Ended oneTree = finish(eightGroups("c", 1, "tree"));
    LocalRun.Ended threeTree = finish(eightGroups("d", 3, "tree"));
    assertEquals(oneTree.history().steps(), threeTree.history().steps());
    assertEquals(List.of(), LocalRun.differing(oneTree.folder(), threeTree.folder(), STEPS));
  }

  private LocalRun eightGroups(String name, int workers, String reduction) {
    return layout(folder.resolve(name), workers, 1)
        .with("batch={global: 8, micro: 1, groups: 8, reduction: " + reduction + "}");
  }
}
