package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.models.LanguageModel;
import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.WeightGradient;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.zero.ZeroRun.Model;
import dev.bellows.parallelism.zero.ZeroRun.Rule;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.ReferenceBackend;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZeroShareTest {
  private static final long SEED = 3;
  private static final ZeroRun RUN = new ZeroRun(Model.GPT, Rule.ADAMW, Precision.F32, 1, 4, 1);

  /// What a test does on one rank.
  private interface Body {
    void run(Backend backend, LanguageModel network, ZeroShare share, Collectives collectives);
  }

  private static void onRanks(int stage, int data, Body body) throws Exception {
    InProcessTransportProvider provider = new InProcessTransportProvider();
    new RankGroup(rank -> provider, rank -> "here", "auto", 65_536)
        .run(
            data,
            transport -> {
              Collectives collectives = new Collectives(transport, (peer, waited) -> {});
              LanguageModel network = RUN.model().create();
              try (Backend backend = ZeroRun.backend();
                  ZeroShare share =
                      ZeroShare.ofUnits(
                          stage,
                          backend,
                          RUN.layout(network, data),
                          RUN.groups(),
                          1,
                          collectives,
                          Precision.F32)) {
                share.initialise(SEED);
                body.run(backend, network, share, collectives);
              }
            });
  }

  private static Evaluation aloneOn(int batch) {
    LanguageModel network = RUN.model().create();
    try (Backend backend = ZeroRun.backend();
        ParameterStore store = new ParameterStore(backend, network.parameters());
        Batch samples = RUN.batch(backend, 1).microBatch(batch, 0)) {
      store.initialise(SEED);
      return new Evaluator(backend, network).evaluate(samples);
    }
  }

  /// Three batches on two ranks; the rank that has one batch less plays along.
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void evaluatesWithUnitsThatComeAndGo(int stage) throws Exception {
    List<Evaluation> expected = List.of(aloneOn(0), aloneOn(1), aloneOn(2));
    onRanks(
        stage,
        2,
        (backend, network, share, collectives) -> {
          long before = backend.memory().live(Category.PARAMETER);
          Evaluator evaluator = new Evaluator(backend, share.hooked(network));
          for (int batch = collectives.rank(); batch < 4; batch += 2) {
            if (batch == 3) {
              share.playForward();
              continue;
            }
            try (Batch samples = RUN.batch(backend, 1).microBatch(batch, 0)) {
              assertEquals(expected.get(batch), evaluator.evaluate(samples));
            }
          }
          share.releaseAll();
          assertEquals(before, backend.memory().live(Category.PARAMETER));
        });
  }

  private static double norm(
      Backend backend, LanguageModel network, ZeroShare share, int failAfter) {
    UnitBackpropagation estimator =
        new UnitBackpropagation(
            backend, network, share, SavedTensors.keep(), WeightGradient.EXACT, Loss.PLAIN, SEED);
    StepBatch batch = RUN.batch(backend, 1);
    double[] norm = new double[1];
    estimator.estimate(
        batch,
        new GradientSink() {
          private int ended;

          @Override
          public void endGroup(int group, double lossSum) {
            if (ended++ == failAfter) {
              throw new IllegalStateException("planted");
            }
            share.endGroup(group);
          }

          @Override
          public void ready(List<Parameter> parameters) {
            share.reduce();
            share.combineUses();
            norm[0] = share.squaredNorm(parameter -> true);
          }
        });
    return norm[0];
  }

  /// A step that ends in the middle leaves nothing behind.
  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void anAbandonedStepCanBeTakenAgain(int stage) throws Exception {
    onRanks(
        stage,
        2,
        (backend, network, share, collectives) -> {
          double expected = norm(backend, network, share, 9);
          share.reset();
          long live = backend.memory().live();
          assertThrows(IllegalStateException.class, () -> norm(backend, network, share, 1));
          share.reset();
          assertEquals(live, backend.memory().live());
          assertEquals(expected, norm(backend, network, share, 9));
        });
  }

  @Test
  void refusesGroupsOutOfTurn() throws Exception {
    onRanks(
        2,
        2,
        (backend, network, share, collectives) -> {
          int other = 1 - collectives.rank();
          assertTrue(
              assertThrows(IllegalStateException.class, () -> share.endGroup(other))
                  .getMessage()
                  .contains("expects group " + collectives.rank()));
          assertTrue(
              assertThrows(IllegalStateException.class, () -> share.endGroup(collectives.rank()))
                  .getMessage()
                  .contains("0 of 4 units"));
          assertThrows(IllegalStateException.class, share::reduce);
        });
  }

  @Test
  void refusesAStoreInAnotherOrder() {
    LanguageModel network = RUN.model().create();
    ZeroRun muon = new ZeroRun(Model.GPT, Rule.MUON, Precision.F32, 1, 4, 1);
    ZeroLayout layout = muon.layout(network, 1);
    Collectives collectives = new Collectives(Transport.single(), (peer, waited) -> {});
    try (Backend backend = new ReferenceBackend();
        ParameterStore store = new ParameterStore(backend, network.parameters())) {
      assertTrue(
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      ZeroShare.ofStore(
                          backend, store, layout, new BatchTree(4, 1), collectives, Reduction.TREE))
              .getMessage()
              .contains("order of the ZeRO layout"));
    }
  }
}
