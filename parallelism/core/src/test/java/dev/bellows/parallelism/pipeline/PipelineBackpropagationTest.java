package dev.bellows.parallelism.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.LanguageModel;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.nn.WeightGradient;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.PeerLostException;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.plan.ScheduleKind;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Whole trainings on threads over the in-process transport, against one rank that knows nothing of pipelines.
class PipelineBackpropagationTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 3);
  private static final int LAYERS = 8;
  private static final int GROUPS = 4;
  private static final int STEPS = 20;

  /// The models; dropout is on, so that the places of the samples count.
  private enum Kind {
    GPT,
    TIED_LLAMA,
    LLAMA;

    LanguageModel model() {
      return switch (this) {
        case GPT -> new Gpt(new GptConfig(LAYERS, 2, 8, 4, 9, true, 0.1));
        case TIED_LLAMA -> llama(true);
        case LLAMA -> llama(false);
      };
    }

    private static Llama llama(boolean tied) {
      return new Llama(new LlamaConfig(LAYERS, 2, 1, 8, 5, 4, 9, 100, tied, 0.1));
    }
  }

  /// One training.
  private record Case(Kind model, Updates updates, int pipeline, int data, ScheduleKind schedule) {
    Mesh mesh() {
      return new Mesh(pipeline, data, 1, 1);
    }
  }

  private record Oracle(Kind model, Updates updates) {}

  private static final Map<Oracle, OneRank> ORACLES = new ConcurrentHashMap<>();

  /// Every mesh of the GPT, and of the others those in which every stage and every way of sharing groups occurs.
  static Stream<Case> cases() {
    return all().filter(PipelineBackpropagationTest::isQuick);
  }

  static Stream<Case> otherCases() {
    return all().filter(one -> !isQuick(one));
  }

  private static boolean isQuick(Case one) {
    return one.model() == Kind.GPT
        || one.updates() != Updates.ADAMW
        || one.pipeline() > 1 && one.data() == (one.model() == Kind.LLAMA ? 2 : 3);
  }

  private static Stream<Case> all() {
    List<Case> cases = new ArrayList<>();
    for (Kind model : Kind.values()) {
      for (int pipeline : new int[] {1, 2, 4}) {
        for (int data = 1; data <= 3; data++) {
          for (ScheduleKind schedule : ScheduleKind.values()) {
            cases.add(new Case(model, Updates.ADAMW, pipeline, data, schedule));
          }
        }
      }
    }
    for (Updates updates : List.of(Updates.MUON, Updates.ADAFACTOR)) {
      cases.add(new Case(Kind.GPT, updates, 2, 3, ScheduleKind.INTERLEAVED));
      cases.add(new Case(Kind.GPT, updates, 4, 2, ScheduleKind.ONE_FORWARD_ONE_BACKWARD));
      cases.add(new Case(Kind.LLAMA, updates, 4, 1, ScheduleKind.GPIPE));
    }
    cases.add(new Case(Kind.GPT, Updates.HALF, 4, 3, ScheduleKind.INTERLEAVED));
    cases.add(new Case(Kind.GPT, Updates.HALF, 2, 2, ScheduleKind.GPIPE));
    return cases.stream();
  }

  private static Backend backend() {
    return Backends.open("cpu", BackendOptions.threads(1));
  }

  private static OneRank oracle(Case one) {
    return ORACLES.computeIfAbsent(
        new Oracle(one.model(), one.updates()),
        key -> {
          try (Backend backend = backend()) {
            return OneRank.train(backend, key.model().model(), key.updates(), GROUPS, STEPS, SEED);
          }
        });
  }

  private static RankGroup ranks() {
    InProcessTransportProvider provider = new InProcessTransportProvider(512, 4);
    return new RankGroup(rank -> provider, rank -> "localhost", "in-process", 1408);
  }

  private static Collectives collectives(Transport transport) {
    return new Collectives(
        transport,
        (peer, waited) -> {
          if (waited > TimeUnit.SECONDS.toNanos(20)) {
            throw new IllegalStateException("rank " + peer + " was silent for 20 s");
          }
        });
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aMeshHasTheBitsOfOneRank(Case one) throws Exception {
    compare(one);
  }

  @Tag("full")
  @ParameterizedTest
  @MethodSource("otherCases")
  void theOtherMeshesHaveThemToo(Case one) throws Exception {
    compare(one);
  }

  private static void compare(Case one) throws Exception {
    OneRank expected = oracle(one);
    double[][] losses = new double[STEPS][GROUPS];
    Set<String> names = ConcurrentHashMap.newKeySet();
    ranks()
        .run(
            one.mesh().worldSize(),
            transport -> {
              try (Backend backend = backend();
                  StageTraining training = training(backend, one, transport)) {
                train(training, one, losses, expected);
                names.addAll(training.values().keySet());
              }
            });
    String seed = one + ", seed " + SEED;
    for (int step = 0; step < STEPS; step++) {
      assertArrayEquals(expected.losses()[step], losses[step], seed + ", losses of step " + step);
    }
    assertEquals(expected.parameters().keySet(), names, seed);
    assertNotEquals(expected.losses()[0][0], expected.losses()[STEPS - 1][0], seed);
  }

  private static StageTraining training(Backend backend, Case one, Transport transport) {
    return training(backend, one, transport, GROUPS, unit -> unit);
  }

  private static StageTraining training(
      Backend backend, Case one, Transport transport, int groups, UnaryOperator<Unit> plant) {
    return new StageTraining(
        backend,
        one.model().model(),
        one.updates(),
        groups,
        one.mesh(),
        one.schedule(),
        collectives(transport),
        SEED,
        plant);
  }

  private static void train(StageTraining training, Case one, double[][] losses, OneRank expected) {
    boolean middle = training.stage() > 0 && training.stage() < one.pipeline() - 1;
    for (int step = 0; step < STEPS; step++) {
      int loads = training.estimate(step, losses[step]);
      assertEquals(middle, loads == 0, one + ", loads of stage " + training.stage());
      Set<String> ready = new LinkedHashSet<>();
      training.ready().forEach(parameter -> ready.add(parameter.name()));
      assertEquals(training.values().keySet(), ready);
      assertEquals(expected.norms()[step], training.update(step), one + ", norm of step " + step);
    }
    training
        .values()
        .forEach(
            (name, values) ->
                assertArrayEquals(
                    expected.parameters().get(name), values, one + ", " + name + ", seed " + SEED));
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void anEvaluationHasTheBitsOfOneRank(ScheduleKind schedule) throws Exception {
    Case one = new Case(Kind.GPT, Updates.ADAMW, 4, 1, schedule);
    Evaluation expected;
    try (Backend backend = backend()) {
      LanguageModel model = one.model().model();
      try (ParameterStore store = new ParameterStore(backend, model.parameters());
          Batch batch = new TextStep(backend, model, 1, 5, 0, 1).microBatch(0, 1)) {
        store.initialise(SEED);
        expected = new Evaluator(backend, model).evaluate(batch);
      }
    }
    ranks()
        .run(
            4,
            transport -> {
              try (Backend backend = backend();
                  StageTraining training = training(backend, one, transport);
                  Batch batch =
                      new TextStep(backend, one.model().model(), 1, 5, 0, 1).microBatch(0, 1)) {
                for (int turn = 0; turn < 3; turn++) {
                  assertEquals(
                      training.stage() == 3 ? Optional.of(expected) : Optional.empty(),
                      training.evaluate(batch));
                }
                assertEquals(0, backend.memory().live(Category.ACTIVATION));
              }
            });
  }

  /// Most activation bytes of each stage in a step of `groups` groups.
  private static long[] peaks(ScheduleKind schedule, int pipeline, int groups) throws Exception {
    Case one = new Case(Kind.GPT, Updates.ADAMW, pipeline, 1, schedule);
    long[] peaks = new long[pipeline];
    ranks()
        .run(
            pipeline,
            transport -> {
              try (Backend backend = backend();
                  StageTraining training =
                      training(backend, one, transport, groups, unit -> unit)) {
                training.estimate(0, new double[groups]);
                assertEquals(0, backend.memory().live(Category.ACTIVATION));
                peaks[training.stage()] = backend.memory().peak(Category.ACTIVATION);
              }
            });
    return peaks;
  }

  /// Activation bytes that one micro-batch leaves for backward on one rank.
  private static long keptByOneRank() {
    LanguageModel model = Kind.GPT.model();
    try (Backend backend = backend();
        ParameterStore store = new ParameterStore(backend, model.parameters());
        Batch batch = new TextStep(backend, model, 1, 0, 0, 1).microBatch(0, 0);
        Tape tape = new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, true)) {
      store.initialise(SEED);
      tape.crossEntropy(model.logits(tape, batch), batch.targets(), 1);
      return backend.memory().live(Category.ACTIVATION);
    }
  }

  @Test
  void aStageKeepsNoMoreMicroBatchesThanItsSchedulePromises() throws Exception {
    int stages = 4;
    long[] four = peaks(ScheduleKind.GPIPE, stages, 2);
    long[] eight = peaks(ScheduleKind.GPIPE, stages, 4);
    long[] alternating = peaks(ScheduleKind.ONE_FORWARD_ONE_BACKWARD, stages, 4);
    long keptByAll = 0;
    long[] longer = peaks(ScheduleKind.ONE_FORWARD_ONE_BACKWARD, stages, 8);
    for (int stage = 0; stage < stages; stage++) {
      // What one more micro-batch costs, and what there is beside those that are kept.
      long each = (eight[stage] - four[stage]) / 4;
      long beside = four[stage] - 4 * each;
      String where = "stage " + stage + ", " + each + " bytes a micro-batch, " + beside + " beside";
      assertEquals(eight[stage] - four[stage], 4 * each, where);
      assertTrue(each > 0 && beside < 2 * each, where);
      assertTrue(alternating[stage] <= beside + (stages - stage) * each, where);
      assertEquals(alternating[stage], longer[stage], where);
      keptByAll += each;
    }
    assertEquals(keptByOneRank(), keptByAll, "what was handed on is not kept");
  }

  /// Fails at one of its forward passes.
  private record Failing(Unit unit, int[] calls, int call) implements Unit {
    @Override
    public String name() {
      return unit.name();
    }

    @Override
    public Position position() {
      return unit.position();
    }

    @Override
    public List<Parameter> parameters() {
      return unit.parameters();
    }

    @Override
    public int width() {
      return unit.width();
    }

    @Override
    public Variable forward(Tape tape, Variable input, SampleRange samples) {
      if (++calls[0] == call) {
        throw new ArithmeticException("planted");
      }
      return unit.forward(tape, input, samples);
    }
  }

  @ParameterizedTest
  @MethodSource("schedules")
  void aFailureInOneStageEndsAllOfThem(ScheduleKind schedule) throws Exception {
    Case one = new Case(Kind.GPT, Updates.ADAMW, 4, 1, schedule);
    AtomicInteger broken = new AtomicInteger(-1);
    long start = System.nanoTime();
    List<Throwable> failures =
        ranks()
            .outcomes(
                4,
                transport -> {
                  try (Backend backend = backend();
                      StageTraining training =
                          training(backend, one, transport, GROUPS, planted())) {
                    if (training.values().containsKey("h.5.ln_1.weight")) {
                      broken.set(training.stage());
                    }
                    try {
                      training.estimate(0, new double[GROUPS]);
                    } finally {
                      assertEquals(0, backend.memory().live(Category.ACTIVATION));
                    }
                  }
                });
    assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(10));
    for (int stage = 0; stage < 4; stage++) {
      Throwable failure = failures.get(stage);
      assertEquals(
          stage == broken.get() ? ArithmeticException.class : PeerLostException.class,
          failure == null ? null : failure.getClass(),
          "stage " + stage);
      String place = PipelineActionException.of(failure).orElseThrow().getMessage();
      assertTrue(place.startsWith("stage " + stage + " of 4 failed while "), place);
      assertEquals(stage == broken.get(), place.contains("running forward"), place);
    }
  }

  static List<ScheduleKind> schedules() {
    return List.of(ScheduleKind.values());
  }

  private static UnaryOperator<Unit> planted() {
    return unit -> unit.name().equals("h.5") ? new Failing(unit, new int[1], 3) : unit;
  }

  @Test
  void refusesABatchOfAnotherLength() throws Exception {
    Case one = new Case(Kind.GPT, Updates.ADAMW, 1, 1, ScheduleKind.GPIPE);
    try (Backend backend = backend();
        StageTraining training = training(backend, one, Transport.single())) {
      LanguageModel model = one.model().model();
      TextStep longer = new TextStep(backend, model, 8, 0, 0, 8);
      assertEquals(
          "the batch has 16 micro-batches for this pipeline, but its schedule has 8",
          assertThrows(
                  IllegalArgumentException.class, () -> training.estimator().estimate(longer, null))
              .getMessage());
    }
  }

  @Test
  void aSharedTableIsPlacedOnBothItsStages() {
    List<Unit> units = Kind.GPT.model().units();
    ModelCut cut = new ModelCut(2, List.of(units.subList(0, 4), units.subList(4, 10)));
    List<String> first = cut.parameters(0).stream().map(Parameter::name).toList();
    List<String> last = cut.parameters(1).stream().map(Parameter::name).toList();
    assertEquals(List.of("wte.weight", "wpe.weight"), first.subList(0, 2));
    assertEquals("lm_head.weight", first.getLast());
    assertEquals(
        List.of("ln_f.weight", "ln_f.bias", "lm_head.weight", "wte.weight"),
        last.subList(last.size() - 4, last.size()));
    assertEquals(1, cut.stageOf(cut.parameters(0).getLast()));
    ModelCut whole = new ModelCut(1, List.of(units.subList(0, 4), units.subList(4, 10)));
    assertEquals("h.2.mlp.c_proj.bias", whole.parameters(0).getLast().name());
    assertEquals("lm_head.weight", whole.parameters(1).getLast().name());
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> new ModelCut(2, List.of(units)))
            .getMessage()
            .contains("dealt evenly"));
  }
}
