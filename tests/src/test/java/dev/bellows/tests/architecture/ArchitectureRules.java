package dev.bellows.tests.architecture;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// The module arrows, the cycle ban and the import quarantine of the design, for the classes under
/// one root package. The root is a parameter so that the same rules can be tried on fixtures.
final class ArchitectureRules {
  /// Direct arrows, module package to module packages. What a module reaches over several arrows it
  /// may use too. An empty set is a module that stands on the JDK alone.
  private static final Map<String, Set<String>> ARROWS =
      Map.ofEntries(
          Map.entry("tensor", Set.of()),
          Map.entry("tensor.cpu", Set.of("tensor")),
          Map.entry("tensor.cuda", Set.of("tensor")),
          Map.entry("nn", Set.of("tensor")),
          Map.entry("models", Set.of("nn")),
          Map.entry("optimizers", Set.of("tensor", "optimizers.priors")),
          Map.entry("optimizers.sampling", Set.of("nn")),
          Map.entry("optimizers.priors", Set.of("tensor")),
          Map.entry("bpfree", Set.of("nn")),
          Map.entry("storage", Set.of()),
          Map.entry("storage.hadoop", Set.of("storage")),
          Map.entry("checkpointing", Set.of("storage", "tensor")),
          Map.entry("parallelism", Set.of("nn")),
          Map.entry("parallelism.aeron", Set.of("parallelism")),
          Map.entry("parallelism.nccl", Set.of("parallelism", "tensor.cuda")),
          Map.entry(
              "trainer",
              Set.of("parallelism", "optimizers", "checkpointing", "trainer.activations", "nn")),
          Map.entry("trainer.activations", Set.of("nn")),
          Map.entry("jobs", Set.of("trainer", "models", "bpfree", "optimizers.sampling")),
          // The leaf that measures everything, so it may name backends and transports.
          Map.entry(
              "benchmarks",
              Set.of("jobs", "tensor.cpu", "tensor.cuda", "parallelism.aeron", "storage.hadoop")));

  /// Foreign packages and the only modules that may name them.
  private static final Map<String, Set<String>> QUARANTINE =
      Map.ofEntries(
          Map.entry("io.aeron", Set.of("parallelism.aeron")),
          Map.entry("org.agrona", Set.of("parallelism.aeron")),
          Map.entry("jdk.incubator.vector", Set.of("tensor.cpu")),
          Map.entry("org.bytedeco", Set.of("tensor.cpu", "benchmarks")),
          Map.entry("org.bytedeco.pytorch", Set.of("benchmarks")),
          Map.entry("org.apache.hadoop", Set.of("storage.hadoop")),
          Map.entry("org.apache.spark", Set.of("jobs")),
          Map.entry("scala", Set.of("jobs")),
          Map.entry("jcuda", Set.of("tensor.cuda")),
          Map.entry("com.esotericsoftware", Set.of("trainer")),
          Map.entry("picocli", Set.of("jobs", "benchmarks")));

  private final String root;

  ArchitectureRules(String root) {
    this.root = root;
  }

  ArchRule arrowsPointDown() {
    return eachClass(
        "use only modules below their own",
        (origin, module, dependency) -> {
          Optional<String> used = module(dependency.getTargetClass());
          return used.isEmpty() || reachable(module).contains(used.get());
        });
  }

  ArchRule foreignImportsStayQuarantined() {
    return eachClass(
        "name a quarantined library only in its module",
        (origin, module, dependency) ->
            QUARANTINE.entrySet().stream()
                .filter(entry -> inPackage(dependency.getTargetClass(), entry.getKey()))
                .allMatch(entry -> entry.getValue().contains(module)));
  }

  ArchRule everyClassHasAModule() {
    return classes(
        new ArchCondition<>("belong to a module with declared arrows") {
          @Override
          public void check(JavaClass origin, ConditionEvents events) {
            if (module(origin).isEmpty()) {
              events.add(
                  SimpleConditionEvent.violated(
                      origin, origin.getName() + " lies in no module that ARROWS declares"));
            }
          }
        });
  }

  ArchRule packagesAreFreeOfCycles() {
    return slices().matching(root + ".(**)").should().beFreeOfCycles().allowEmptyShould(true);
  }

  /// Whether `dependency` of the class `origin` in module `module` is in order.
  private interface Verdict {
    boolean allows(JavaClass origin, String module, Dependency dependency);
  }

  private ArchRule eachClass(String description, Verdict verdict) {
    return classes(
        new ArchCondition<>(description) {
          @Override
          public void check(JavaClass origin, ConditionEvents events) {
            module(origin)
                .ifPresent(
                    module ->
                        origin.getDirectDependenciesFromSelf().stream()
                            .filter(dependency -> !verdict.allows(origin, module, dependency))
                            .forEach(
                                dependency ->
                                    events.add(
                                        SimpleConditionEvent.violated(
                                            dependency,
                                            module + ": " + dependency.getDescription()))));
          }
        });
  }

  private ArchRule classes(ArchCondition<JavaClass> condition) {
    return ArchRuleDefinition.classes()
        .that()
        .resideInAPackage(root + "..")
        .should(condition)
        .allowEmptyShould(true);
  }

  /// The module of a class: the longest declared package at or above its own. Empty outside the
  /// root and in an undeclared package.
  private Optional<String> module(JavaClass type) {
    String name = type.getPackageName();
    while (name.startsWith(root + ".")) {
      String module = name.substring(root.length() + 1);
      if (ARROWS.containsKey(module)) {
        return Optional.of(module);
      }
      name = name.substring(0, name.lastIndexOf('.'));
    }
    return Optional.empty();
  }

  /// The module itself and everything its arrows lead to.
  private static Set<String> reachable(String module) {
    var seen = new HashSet<String>();
    visit(module, seen);
    return seen;
  }

  private static void visit(String module, Set<String> seen) {
    if (seen.add(module)) {
      ARROWS.get(module).forEach(next -> visit(next, seen));
    }
  }

  private static boolean inPackage(JavaClass type, String prefix) {
    String name = type.getBaseComponentType().getPackageName();
    return name.equals(prefix) || name.startsWith(prefix + ".");
  }
}
