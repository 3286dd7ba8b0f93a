package dev.bellows.trainer.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every recipe in `conf/` loads, and resolves to the reviewed text in `golden/`. After a change that is meant, write the texts anew with
/// `-Dbellows.golden.update=true` and review the difference.
class RecipesTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  static List<Path> recipes() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("../../conf"))) {
      List<Path> recipes =
          files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
      assertTrue(recipes.size() >= 4, () -> "conf/ has only " + recipes);
      return recipes;
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void resolvesToTheReviewedText(Path recipe) throws IOException {
    String text = Files.readString(recipe);
    for (String line : List.of("# Launch:", "# Hardware:", "# Expected:", "# Time:")) {
      assertTrue(text.contains("\n" + line), () -> recipe + " has no comment '" + line + "'");
    }
    boolean takesPath = text.contains("data.path=");
    RunConfig config =
        ConfigLoader.load(recipe, takesPath ? List.of("data.path=/data/given") : List.of());
    String resolved = ConfigLoader.toYaml(config);
    Path golden = GOLDEN.resolve(recipe.getFileName());
    if (Boolean.getBoolean("bellows.golden.update")) {
      Files.createDirectories(GOLDEN);
      Files.writeString(golden, resolved);
    }
    assertEquals(Files.readString(golden), resolved);
    assertEquals(config, ConfigLoader.load(golden, List.of()));
  }
}
