package dev.bellows.tests.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.EvaluationResult;
import dev.bellows.tests.ProjectFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The rules on the compiled classes of all modules, and on fixtures that break each of them.
class ArchitectureTest {
  private static final ArchitectureRules RULES = new ArchitectureRules("dev.bellows");
  private static JavaClasses code;

  @BeforeAll
  static void importModules() throws IOException {
    code =
        new ClassFileImporter()
            .importPaths(
                ProjectFolder.codeModules().stream()
                    .map(module -> module.resolve("target/classes"))
                    .filter(Files::isDirectory)
                    .toList());
  }

  @Test
  void everyModuleWithSourcesWasRead() throws IOException {
    for (Path module : ProjectFolder.codeModules()) {
      Path sources = module.resolve("src/main/java");
      if (Files.isDirectory(sources) && hasTypes(sources)) {
        String folder = module.resolve("target/classes").toUri().toString();
        assertTrue(
            code.stream()
                .anyMatch(
                    type ->
                        type.getSource()
                            .map(source -> source.getUri().toString().startsWith(folder))
                            .orElse(false)),
            () -> "no class of " + module + " was read; the rules would pass without looking");
      }
    }
  }

  @Test
  void everyClassHasAModule() {
    RULES.everyClassHasAModule().check(code);
  }

  @Test
  void arrowsPointDown() {
    RULES.arrowsPointDown().check(code);
  }

  @Test
  void foreignImportsStayQuarantined() {
    RULES.foreignImportsStayQuarantined().check(code);
  }

  @Test
  void packagesAreFreeOfCycles() {
    RULES.packagesAreFreeOfCycles().check(code);
  }

  @Test
  void soundFixturePassesEveryRule() {
    var rules = new ArchitectureRules(fixture("sound"));
    JavaClasses classes = new ClassFileImporter().importPackages(fixture("sound"));
    assertEquals(2, classes.size());
    rules.everyClassHasAModule().check(classes);
    rules.arrowsPointDown().check(classes);
    rules.foreignImportsStayQuarantined().check(classes);
    rules.packagesAreFreeOfCycles().check(classes);
  }

  @Test
  void upwardArrowIsFound() {
    assertViolated(rules("upward").arrowsPointDown(), "upward", "tensor.UsesLayer");
  }

  @Test
  void quarantinedImportIsFound() {
    assertViolated(
        rules("quarantine").foreignImportsStayQuarantined(), "quarantine", "picocli.CommandLine");
  }

  @Test
  void packageCycleIsFound() {
    assertViolated(rules("cycle").packagesAreFreeOfCycles(), "cycle", "Cycle detected");
  }

  @Test
  void classOutsideEveryModuleIsFound() {
    assertViolated(rules("stranger").everyClassHasAModule(), "stranger", "gizmo.Gizmo");
  }

  private static ArchitectureRules rules(String fixture) {
    return new ArchitectureRules(fixture(fixture));
  }

  private static String fixture(String name) {
    return "dev.bellows.tests.fixtures." + name;
  }

  private static void assertViolated(ArchRule rule, String fixture, String expected) {
    EvaluationResult result =
        rule.evaluate(new ClassFileImporter().importPackages(fixture(fixture)));
    assertTrue(result.hasViolation(), () -> "fixture " + fixture + " breaks this rule on purpose");
    String report = result.getFailureReport().toString();
    assertTrue(report.contains(expected), report);
    assertFalse(report.isBlank());
  }

  private static boolean hasTypes(Path sources) throws IOException {
    try (Stream<Path> files = Files.walk(sources)) {
      return files
          .map(file -> file.getFileName().toString())
          .anyMatch(name -> name.endsWith(".java") && !name.equals("package-info.java"));
    }
  }
}
