package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What can be planned but not trained is refused before anything starts or is written.
class UntrainableTest {
  @TempDir private Path folder;

  private String refusal(String... overrides) {
    Path run = folder.resolve("run");
    RunConfig config = LocalRun.gpt(run).with(overrides).config();
    TrainingRun training =
        new TrainingRun(
            config,
            new TrainingRun.Options(Long.MAX_VALUE, true, "test"),
            new InProcessTransportProvider(),
            new TinyModels(),
            line -> {});
    BellowsException refusal =
        assertThrows(
            BellowsException.class,
            () ->
                training.run(
                    () -> {
                      throw new AssertionError("a launcher was opened");
                    }));
    assertEquals(ErrorCategory.CONFIGURATION, refusal.category());
    assertFalse(Files.exists(run), "the run folder was made");
    return refusal.getMessage();
  }

  @Test
  void whatNoWorkerCanTrainYet() {
    String rest = " is planned by `bellows plan` but cannot be trained yet; ";
    assertEquals(
        "parallel.context 2" + rest + "it must be 1", refusal("workers=2", "parallel.context=2"));
    assertEquals(
        "parallel.zero 3" + rest + "together with pipeline or tensor above 1 it must be 0",
        refusal("workers=4", "parallel={tensor: 2, zero: 3}"));
  }

  /// What workers cannot share is refused before anything is deleted or written, `--fresh` or not.
  @Test
  void whatWorkersCannotShare() {
    assertEquals(
        "parallel.tensor is 3; it must divide model.heads, which is 2",
        refusal("workers=3", "parallel.tensor=3"));
    assertTrue(refusal("workers=2", "parallel.pipeline=2").contains("the model has 1 layer"));
  }

  @Test
  void whatCanBeTrained() {
    for (String override :
        List.of(
            "parallel.data=2",
            "parallel.data=0",
            "parallel.tensor=2",
            "parallel.pipeline=2",
            "parallel.zero=3")) {
      ParallelPlan.checkTrainable(
          LocalRun.gpt(folder.resolve("run")).with("workers=2", override).config());
    }
  }
}
