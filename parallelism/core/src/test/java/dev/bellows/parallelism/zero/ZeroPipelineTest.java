package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.models.LanguageModel;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.Sharding;
import dev.bellows.optimizers.GradientClipping;
import dev.bellows.optimizers.HeldState;
import dev.bellows.optimizers.Need;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.pipeline.Activations;
import dev.bellows.parallelism.pipeline.ChunkRecording;
import dev.bellows.parallelism.pipeline.ModelCut;
import dev.bellows.parallelism.pipeline.PipelineBackpropagation;
import dev.bellows.parallelism.pipeline.PipelineChunk;
import dev.bellows.parallelism.pipeline.PipelineStage;
import dev.bellows.parallelism.pipeline.StageNorms;
import dev.bellows.parallelism.pipeline.TensorLink;
import dev.bellows.parallelism.pipeline.TiedGradients;
import dev.bellows.parallelism.plan.ScheduleKind;
import dev.bellows.parallelism.zero.ZeroRun.Model;
import dev.bellows.parallelism.zero.ZeroRun.Outcome;
import dev.bellows.parallelism.zero.ZeroRun.Rule;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// ZeRO-1 on the data axis of a pipeline of two stages that share a tied table: the bits of one rank.
class ZeroPipelineTest {
  private static final int STAGES = 2;
  private static final int DATA = 3;
  private static final int STEPS = 3;
  private static final int GROUPS = 8;

  @ParameterizedTest
  @EnumSource(Rule.class)
  void stagesShareOutTheirStatesAlike(Rule rule) throws Exception {
    ZeroRun run = new ZeroRun(Model.GPT, rule, Precision.F32, STEPS, GROUPS, 1);
    Outcome expected = run.alone();
    Outcome actual = new Outcome();
    double[][] losses = new double[STEPS][GROUPS];
    double[] norms = new double[STEPS];
    InProcessTransportProvider provider = new InProcessTransportProvider();
    new RankGroup(rank -> provider, rank -> "here", "auto", 65_536)
        .run(
            STAGES * DATA,
            transport ->
                stage(run, new Collectives(transport, (peer, w) -> {}), actual, losses, norms));
    for (int step = 0; step < STEPS; step++) {
      assertEquals(expected.losses.get(step), Arrays.stream(losses[step]).sum());
      assertEquals(expected.norms.get(step), norms[step]);
    }
    assertEquals(List.of(), expected.differing(actual));
  }

  private static void stage(
      ZeroRun run, Collectives world, Outcome outcome, double[][] losses, double[] norms) {
    int number = world.rank() / DATA;
    int dataRank = world.rank() % DATA;
    Collectives pipeline = world.group(dataRank, DATA + dataRank);
    Collectives data = world.group(number * DATA, number * DATA + 1, number * DATA + 2);
    LanguageModel network = run.model().create();
    ModelCut cut =
        new ModelCut(STAGES, List.of(network.units().subList(0, 2), network.units().subList(2, 4)));
    BatchTree tree = new BatchTree(GROUPS, DATA);
    int first = tree.firstGroup(dataRank);
    int end = tree.endGroup(dataRank);
    List<Parameter> shared =
        cut.primaries().stream().filter(p -> cut.holders(p).size() > 1).toList();
    ZeroLayout layout =
        new ZeroLayout(
            List.of(cut.parameters(number)),
            parameter -> run.rule().of(parameter).need() != Need.ELEMENT,
            Sharding.WHOLE,
            shared,
            DATA);
    try (Backend backend = ZeroRun.backend();
        ParameterStore store = new ParameterStore(backend, layout.placement());
        ZeroShare share = ZeroShare.ofStore(backend, store, layout, tree, data, Reduction.TREE);
        Optimizer optimizer = run.optimizer(backend, share)) {
      share.initialise(ZeroRun.SEED);
      Activations activations = new Activations(cut, DType.F32, ZeroRun.ROWS);
      PipelineBackpropagation estimator =
          new PipelineBackpropagation(
              backend,
              new PipelineStage(
                  ScheduleKind.ONE_FORWARD_ONE_BACKWARD.schedule(STAGES, end - first),
                  number,
                  List.of(new PipelineChunk(cut.units(number), store, share::endGroup))),
              new TensorLink(backend, pipeline, activations),
              ChunkRecording.plain(Loss.PLAIN, ZeroRun.SEED, activations));
      TiedGradients tied = new TiedGradients(backend, cut, number, pipeline);
      StageNorms stageNorms = new StageNorms(cut, number, pipeline);
      for (int step = 1; step <= STEPS; step++) {
        estimator.estimate(run.batch(backend, step, first, end), new Losses(losses[step - 1]));
        share.reduce();
        tied.combine();
        Map<Parameter, Double> own = share.squaredNorms(parameter -> true);
        double norm = stageNorms.exchange(own::get);
        optimizer.step(step, ZeroRun.rate(step), GradientClipping.scale(norm, ZeroRun.CLIP));
        share.shareValues();
        norms[step - 1] = norm;
      }
      collect(cut, number, share, optimizer, outcome);
    }
  }

  private record Losses(double[] sums) implements GradientSink {
    @Override
    public void endGroup(int group, double lossSum) {
      sums[group] = lossSum;
    }

    @Override
    public void ready(List<Parameter> parameters) {}
  }

  /// Of a parameter that several stages hold, one of them tells.
  private static void collect(
      ModelCut cut, int stage, ZeroShare share, Optimizer optimizer, Outcome outcome) {
    List<String> told = new ArrayList<>();
    for (ZeroSlice slice : share.slices()) {
      Parameter parameter = slice.parameter();
      if (cut.stageOf(parameter) == stage) {
        told.add(parameter.name());
        outcome.put(
            parameter.name(), parameter.shape().elements(), slice.start(), share.values(slice));
      }
    }
    for (HeldState held : optimizer.held()) {
      if (told.contains(held.parameter())) {
        outcome.put(
            held.spec().name() + "." + held.parameter(),
            held.spec().shape().elements(),
            held.start(),
            held.tensor());
      }
    }
  }
}
