package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Split;
import dev.bellows.optimizers.Need;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.pipeline.PipelineSchedule;
import dev.bellows.parallelism.plan.Placement;
import dev.bellows.parallelism.plan.ScheduleKind;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.parallelism.plan.ShardingPlan.Held;
import dev.bellows.parallelism.plan.Stages;
import dev.bellows.trainer.DeviceAccount.Part;
import dev.bellows.trainer.config.BatchSection;
import dev.bellows.trainer.config.ParallelSection;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.MemoryNeed;
import dev.bellows.trainer.data.SampleLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// How a run's workers would share its model, and what that costs each of them: bytes, traffic, time. From shapes alone; allocates nothing and needs no
/// worker. Immutable.
public final class ParallelPlan {
  /// A pair of streams to one peer: three terms each way, as the transport sizes them.
  private static final long SHARED_PER_PEER = 2 * 3 * (4L << 20);

  private final RunConfig config;
  private final Mesh mesh;
  private final UnitCosts costs;
  private final UpdatePlan updates;
  private final ShardingPlan sharding;
  private final PipelineSchedule schedule;
  private final WireAccount wire;

  private ParallelPlan(RunConfig config, Model model, UnitCosts costs, UpdatePlan updates) {
    this.config = config;
    this.costs = costs;
    this.updates = updates;
    mesh = config.mesh();
    schedule = kind().schedule(mesh.pipeline(), microBatches(true));
    sharding = new ShardingPlan(costs.traits(), model.units(), mesh, stages(model));
    wire = new WireAccount(config, sharding, costs, schedule.microBatches());
  }

  /// The plan of `config` for the model that `models` makes of it for samples of `layout`. Errors: [BellowsException] of category CONFIGURATION in one
  /// sentence when the workers cannot share the model.
  public static ParallelPlan of(RunConfig config, ModelFactory models, SampleLayout layout) {
    Model model = models.create(config.model(), layout);
    UnitCosts costs = UnitCosts.of(config, model, models, layout);
    UpdatePlan updates = UpdatePlan.of(config.optimizer(), model.parameters());
    try {
      ParallelPlan plan = new ParallelPlan(config, model, costs, updates);
      plan.checkMicroBatches();
      plan.checkRules();
      return plan;
    } catch (IllegalArgumentException e) {
      throw refused(e.getMessage());
    }
  }

  private static BellowsException refused(String sentence) {
    return new BellowsException(ErrorCategory.CONFIGURATION, sentence);
  }

  /// Refuses a configuration that [#of] may plan but that no worker can train yet. Errors: [BellowsException] of category CONFIGURATION.
  static void checkTrainable(RunConfig config) {
    ParallelSection parallel = config.parallel();
    checkBuilt(parallel.context() > 1, "context", parallel.context(), "it must be 1");
    checkBuilt(
        parallel.zero() > 0 && parallel.pipeline() * parallel.tensor() > 1,
        "zero",
        parallel.zero(),
        "together with pipeline or tensor above 1 it must be 0");
    checkBuilt(
        parallel.zero() > 1 && config.batch().reduction() == BatchSection.Reduction.RANK,
        "zero",
        parallel.zero(),
        "with batch.reduction rank it must be 0 or 1");
  }

  private static void checkBuilt(boolean unbuilt, String key, int value, String valid) {
    if (unbuilt) {
      throw refused(
          "parallel."
              + key
              + " "
              + value
              + " is planned by `bellows plan` but cannot be trained yet; "
              + valid);
    }
  }

  /// Which schedule the stages play; with one stage it makes no difference.
  ScheduleKind kind() {
    return config.mesh().pipeline() == 1
        ? ScheduleKind.ONE_FORWARD_ONE_BACKWARD
        : config.parallel().schedule();
  }

  /// Micro-batches that a data rank runs in one step: the most of any, or the fewest.
  private int microBatches(boolean most) {
    int groups = config.batch().groups();
    int own = most ? Math.ceilDiv(groups, mesh.data()) : groups / mesh.data();
    return own * config.batch().microBatchesPerGroup();
  }

  private Stages stages(Model model) {
    double[] flops = costs.flops().stream().mapToDouble(Double::doubleValue).toArray();
    double[] bytes = costs.activations().stream().mapToDouble(Long::doubleValue).toArray();
    ShardingPlan single =
        new ShardingPlan(
            costs.traits(),
            model.units(),
            new Mesh(1, 1, 1, 1),
            Stages.balance(flops, bytes, 1, 1));
    for (Placement placement : single.placements()) {
      // A value, a gradient and, with most rules, two states.
      bytes[placement.unit()] += 4.0 * Float.BYTES * placement.parameter().shape().elements();
    }
    return Stages.balance(flops, bytes, mesh.pipeline(), schedule.chunksPerStage());
  }

  private void checkMicroBatches() {
    int fewest = microBatches(false);
    int stages = mesh.pipeline();
    if (fewest < stages) {
      throw refused(
          "parallel.pipeline is "
              + stages
              + ", but a step gives a data rank "
              + fewest
              + (fewest == 1 ? " micro-batch" : " micro-batches")
              + "; the schedule "
              + kind()
              + " needs "
              + stages
              + " or more, so lower batch.micro, or raise batch.global, or lower parallel.data");
    }
  }

  /// Rules that see more than an element need the whole matrix.
  private void checkRules() {
    if (mesh.tensor() == 1) {
      return;
    }
    for (Placement placement : sharding.placements()) {
      Parameter parameter = placement.parameter().primary();
      updates.entries().stream()
          .filter(entry -> entry.parameter() == parameter && !entry.treatment().frozen())
          .filter(entry -> entry.treatment().rule().need() != Need.ELEMENT)
          .filter(entry -> placement.split() != Split.REPLICATED)
          .findFirst()
          .ifPresent(
              entry -> {
                throw refused(
                    "parallel.tensor is "
                        + mesh.tensor()
                        + ", but the update rule of "
                        + parameter.name()
                        + " needs "
                        + (entry.treatment().rule().need() == Need.MATRIX
                            ? "the whole matrix"
                            : "sums over whole rows and columns")
                        + "; with optimizer.kind "
                        + config.optimizer().kind().name().toLowerCase(Locale.ROOT)
                        + " it must be 1");
              });
    }
  }

  /// What is planned.
  public RunConfig config() {
    return config;
  }

  /// The workers as a grid.
  public Mesh mesh() {
    return mesh;
  }

  /// Who holds which part of which parameter.
  public ShardingPlan sharding() {
    return sharding;
  }

  /// The pipeline's schedule and its micro-batches.
  public PipelineSchedule schedule() {
    return schedule;
  }

  /// Terms of the batch tree that a data rank sends for each gradient, the most of any.
  public int treeTerms() {
    return WireAccount.terms(config.batch().groups(), mesh.data());
  }

  /// Gradients that a data rank holds beside its own while groups wait for their siblings, the most of any.
  public int partialSums() {
    return DeviceAccount.partials(config.batch().groups(), mesh.data());
  }

  /// Device bytes of the worker at these coordinates of the pipeline and tensor axes under ZeRO stage `zero`, the most of any data rank.
  public DeviceBytes bytes(int stage, int tensorRank, int zero) {
    List<Part> parts =
        sharding.held(stage, tensorRank).stream()
            .map(
                held ->
                    new Part(
                        held.placement().parameter(),
                        held.shard().localShape(),
                        held.placement().unit()))
            .toList();
    return new DeviceAccount(config, updates, parts)
        .bytes(zero, mesh.data(), activations(stage, tensorRank));
  }

  /// What a worker at `site` needs: the device bytes of the one that holds most, for it learns its rank only after it has registered.
  public MemoryNeed memoryNeed(WorkerSite site) {
    DeviceBytes device = mostBytes();
    return new MemoryNeed(
        site.heapBytes(),
        device.parameters() + device.operands(),
        device.gradients() + device.partialSums(),
        device.optimizer() + device.workspace(),
        device.activations(),
        SHARED_PER_PEER * (mesh.worldSize() - 1),
        site.limitBytes());
  }

  private DeviceBytes mostBytes() {
    List<DeviceBytes> workers = new ArrayList<>();
    for (int stage = 0; stage < mesh.pipeline(); stage++) {
      for (int tensor = 0; tensor < mesh.tensor(); tensor++) {
        workers.add(bytes(stage, tensor, config.parallel().zero()));
      }
    }
    return Collections.max(workers, Comparator.comparingLong(DeviceBytes::total));
  }

  /// Bytes saved for backward at the schedule's peak.
  private long activations(int stage, int tensorRank) {
    double bytes = 0;
    for (int unit : sharding.stages().units(stage)) {
      long shared = costs.shared().get(unit);
      long split = costs.activations().get(unit) - shared;
      bytes += shared / (config.parallel().sequence() ? (double) mesh.tensor() : 1);
      bytes += (double) split / mesh.tensor();
    }
    long rowBytes = (long) Float.BYTES * config.batch().micro() * costs.rowsPerSample();
    for (Held held : sharding.held(stage, tensorRank)) {
      bytes += rowBytes * copiedHeads(held);
    }
    double chunks = (double) schedule.peakActivations(stage) / schedule.chunksPerStage();
    return (long) Math.ceil(bytes * chunks / mesh.context());
  }

  /// Packed elements of a row that this rank has beyond its even share, as copies of key and value heads.
  private double copiedHeads(Held held) {
    if (held.placement().split() != Split.HEADS
        || held.placement().parameter().shape().rank() != 2) {
      return 0;
    }
    return held.shard().localShape().dim(0)
        - held.placement().parameter().shape().dim(0) / (double) mesh.tensor();
  }

  /// Bytes that the worker at these coordinates sends in one step under ZeRO stage `zero`, the most of any data rank.
  public WireBytes wire(int stage, int tensorRank, int zero) {
    return wire.bytes(stage, tensorRank, zero);
  }

  /// Floating-point operations of one micro-batch, forward and backward, on each worker of `stage`.
  public double flopsPerMicroBatch(int stage) {
    double perSample =
        sharding.stages().units(stage).stream().mapToDouble(costs.flops()::get).sum();
    return perSample * config.batch().micro() / mesh.tensor() / mesh.context();
  }

  /// Seconds of a step's products on the slowest stage, the pipeline's bubble included, on workers of `flops` floating-point operations a second.
  public double computeSeconds(double flops) {
    double slowest = 0;
    for (int stage = 0; stage < mesh.pipeline(); stage++) {
      slowest = Math.max(slowest, flopsPerMicroBatch(stage));
    }
    return schedule.microBatches() * slowest / (1 - schedule.bubbleFraction()) / flops;
  }

  /// Seconds that the worker with most to send takes for it at `bandwidth` bytes a second.
  public double wireSeconds(double bandwidth) {
    long most = 0;
    for (int stage = 0; stage < mesh.pipeline(); stage++) {
      most = Math.max(most, wire(stage, 0, config.parallel().zero()).total());
    }
    return most / bandwidth;
  }
}
