package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.trainer.config.RunConfig;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigChangesTest {
  private static RunConfig config(String... overrides) {
    return LocalRun.mlp(Path.of("run")).with(overrides).config();
  }

  private static ConfigChanges change(String... overrides) {
    return ConfigChanges.between(config(), config(overrides), true);
  }

  @Test
  void equalConfigurationsDoNotDiffer() {
    assertEquals(new ConfigChanges(List.of(), List.of()), change());
  }

  @ParameterizedTest
  @ValueSource(strings = {"seed=8", "model.hidden=[13]", "data.samples=65", "batch.global=32"})
  void whatDecidesTheStateIsForbidden(String override) {
    ConfigChanges changes = change(override);
    assertEquals(1, changes.forbidden().size(), changes::toString);
    assertEquals(List.of(), changes.allowed());
    String key = override.substring(0, override.indexOf('='));
    assertEquals(key, changes.forbidden().getFirst().split(" ", 2)[0]);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "optimizer.learningRate=0.5",
        "optimizer.clip=2.0",
        "model.labelSmoothing=0.1",
        "batch.micro=1",
        "batch.groups=8",
        "schedule.warmup=1",
        "parallel.tensor=2",
        "backend=reference"
      })
  void whatDecidesTheCourseIsTold(String override) {
    String[] overrides =
        override.equals("batch.groups=8")
            ? new String[] {override, "batch.micro=1"}
            : new String[] {override};
    ConfigChanges changes = change(overrides);
    assertEquals(List.of(), changes.forbidden());
    assertEquals(overrides.length, changes.allowed().size(), changes::toString);
  }

  @Test
  void aChangeIsToldWithBothValues() {
    assertEquals(
        List.of("optimizer.learningRate 0.01 → 0.5"),
        change("optimizer.learningRate=0.5").allowed());
    assertEquals(List.of("seed 7 → 8"), change("seed=8").forbidden());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "workers.count=4",
        "workers.threads=3",
        "transport.kind=udp",
        "checkpoint.every=1",
        "evaluate.every=1",
        "log.every=2",
        "run.name=other",
        "parallel.pipeline=2",
        "parallel.data=2",
        "parallel.zero=1",
        "parallel.schedule=gpipe"
      })
  void whatChangesNoBitIsSilent(String override) {
    assertEquals(new ConfigChanges(List.of(), List.of()), change(override));
  }
}
