package dev.bellows.trainer;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Evaluation;
import dev.bellows.nn.Evaluator;
import dev.bellows.nn.GradientEstimator;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Unit;
import dev.bellows.nn.WeightGradient;
import dev.bellows.optimizers.HeldState;
import dev.bellows.optimizers.Need;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.SliceSpan;
import dev.bellows.optimizers.Treatment;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.zero.UnitBackpropagation;
import dev.bellows.parallelism.zero.ZeroLayout;
import dev.bellows.parallelism.zero.ZeroShare;
import dev.bellows.parallelism.zero.ZeroSlice;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A part of which each rank of the data axis owns a share: ZeRO.
final class SharedPart implements ModelPart {
  private final PartPlan plan;
  private final Resources owned = new Resources();
  private final ZeroShare share;
  private final Optimizer optimizer;
  private final TrainingState state;

  /// Allocates this rank's share of `plan`. All ranks call alike.
  SharedPart(PartPlan plan) {
    this.plan = plan;
    boolean built = false;
    try {
      share = owned.own(share(layout()));
      optimizer = owned.own(optimizer());
      state = plan.emptyState();
      hold();
      built = true;
    } finally {
      if (!built) {
        close();
      }
    }
  }

  private ZeroLayout layout() {
    List<List<Parameter>> units = plan.model().units().stream().map(Unit::parameters).toList();
    return new ZeroLayout(units, this::isWhole, plan.groups().mesh().data());
  }

  private boolean isWhole(Parameter parameter) {
    return plan.updates().entry(parameter.primary()).treatment().rule().need() != Need.ELEMENT;
  }

  private ZeroShare share(ZeroLayout layout) {
    int stage = plan.config().parallel().zero();
    int groups = plan.config().batch().groups();
    if (stage > 1) {
      return ZeroShare.ofUnits(
          stage,
          plan.backend(),
          layout,
          groups,
          plan.config().batch().microBatchesPerGroup(),
          plan.groups().data(),
          plan.precision());
    }
    ParameterStore store =
        owned.own(new ParameterStore(plan.backend(), layout.placement(), plan.precision()));
    return ZeroShare.ofStore(
        plan.backend(),
        store,
        layout,
        new BatchTree(groups, plan.groups().mesh().data()),
        plan.groups().data(),
        Recipe.reduction(plan.config()));
  }

  private Optimizer optimizer() {
    List<SliceSpan> spans = new ArrayList<>();
    List<Treatment> treatments = new ArrayList<>();
    for (ZeroSlice slice : share.slices()) {
      UpdatePlan.Entry entry = plan.updates().entry(slice.parameter());
      spans.add(
          new SliceSpan(
              slice.parameter().name(),
              slice.parameter().shape(),
              slice.start(),
              slice.extent(),
              share.valueOffset(slice),
              share.gradientOffset(slice),
              entry.decayed()));
      treatments.add(entry.treatment());
    }
    return Optimizer.ofSlices(
        plan.backend(), spans, treatments, share.flatValues(), share.flatGradients());
  }

  private void hold() {
    for (ZeroSlice slice : share.slices()) {
      Parameter parameter = slice.parameter();
      state.hold(parameter.name(), whole(parameter), slice.start(), share.values(slice), true);
    }
    Map<String, Parameter> names = new HashMap<>();
    share.layout().parameters().forEach(parameter -> names.put(parameter.name(), parameter));
    for (HeldState held : optimizer.held()) {
      String name = TrainingState.stateName(held.spec().name(), names.get(held.parameter()));
      if (held.extent() == held.spec().shape().elements()) {
        state.holdWhole(name, held.tensor(), true);
      } else {
        Shard shard = Shard.whole(held.spec().shape(), 0, 1);
        state.hold(name, shard, held.start(), held.tensor(), true);
      }
    }
  }

  private static Shard whole(Parameter parameter) {
    return Shard.whole(parameter.shape(), 0, 1);
  }

  @Override
  public void initialise(long seed) {
    share.initialise(seed);
  }

  @Override
  public TrainingState state() {
    return state;
  }

  @Override
  public void restored() {
    share.shareValues();
  }

  @Override
  public List<Integer> groups() {
    return share.groups();
  }

  @Override
  public GradientEstimator estimator() {
    return new UnitBackpropagation(
        plan.backend(),
        plan.model(),
        share,
        SavedTensors.keep(),
        WeightGradient.EXACT,
        plan.config().model().loss(),
        plan.config().seed());
  }

  @Override
  public int parameterCount() {
    return share.layout().parameters().size();
  }

  @Override
  public void endGroup(int group) {
    share.endGroup(group);
  }

  @Override
  public void reduce() {
    share.reduce();
    share.combineUses();
  }

  @Override
  public double squaredNorm() {
    return share.squaredNorm(parameter -> !plan.updates().entry(parameter).treatment().frozen());
  }

  @Override
  public void update(long step, double learningRate, double gradientScale) {
    optimizer.step(step, learningRate, gradientScale);
    share.shareValues();
  }

  @Override
  public Optional<Evaluation> evaluate(Batch batch) {
    Evaluation evaluation =
        new Evaluator(plan.backend(), share.hooked(plan.model())).evaluate(batch);
    // No backward pass takes leave of the last unit.
    share.releaseAll();
    return Optional.of(evaluation);
  }

  @Override
  public void playEvaluation() {
    share.playForward();
    share.releaseAll();
  }

  @Override
  public void close() {
    owned.close();
  }
}
