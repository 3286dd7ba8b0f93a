package dev.bellows.parallelism.zero;

import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.LanguageModel;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.nn.Backpropagation;
import dev.bellows.nn.Batch;
import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.SavedTensors;
import dev.bellows.nn.StepBatch;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.Unit;
import dev.bellows.nn.WeightGradient;
import dev.bellows.optimizers.Adafactor;
import dev.bellows.optimizers.AdamW;
import dev.bellows.optimizers.GradientClipping;
import dev.bellows.optimizers.HeldState;
import dev.bellows.optimizers.Muon;
import dev.bellows.optimizers.Need;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.ParameterSpan;
import dev.bellows.optimizers.SliceSpan;
import dev.bellows.optimizers.Treatment;
import dev.bellows.optimizers.UpdateRule;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.GradientReducer;
import dev.bellows.parallelism.InProcessTransportProvider;
import dev.bellows.parallelism.RankGroup;
import dev.bellows.parallelism.Reduction;
import dev.bellows.parallelism.Transport;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// A small training run on threads: what ranks under ZeRO must reproduce, bit by bit.
///
/// @param rule optimizer of the matrices
/// @param groups leaves of the batch tree
/// @param microBatches of each group
record ZeroRun(
    Model model, Rule rule, Precision precision, int steps, int groups, int microBatches) {
  static final long SEED = 5;
  static final int ROWS = 16;
  static final double CLIP = 0.5;
  private static final int TIME = 8;
  private static final int SAMPLES = ROWS / TIME;

  enum Model {
    GPT,
    LLAMA;

    LanguageModel create() {
      return switch (this) {
        case GPT -> new Gpt(new GptConfig(2, 2, 32, TIME, 300, true, 0.1));
        case LLAMA -> new Llama(new LlamaConfig(2, 4, 2, 32, 96, TIME, 300, 10_000, false));
      };
    }
  }

  enum Rule {
    ADAMW,
    MUON,
    ADAFACTOR;

    UpdateRule of(Parameter parameter) {
      UpdateRule adamW = new AdamW(0.9, 0.95, 1e-8, 0.1);
      boolean endpoint = parameter.name().matches("(wte|wpe|lm_head|model.embed_tokens)\\..*");
      return switch (this) {
        case ADAMW -> adamW;
        case MUON -> parameter.shape().rank() < 2 || endpoint ? adamW : new Muon(0.95, true, 0.1);
        case ADAFACTOR -> new Adafactor(-0.8, 0x1p-23, 1e-3, 1, true, 0.1);
      };
    }
  }

  /// What a run leaves: the numbers of every step, and the bits of every parameter and state by name.
  static final class Outcome {
    final List<Double> losses = new ArrayList<>();
    final List<Double> norms = new ArrayList<>();
    final Map<String, int[]> tensors = new TreeMap<>();

    /// Names of the parameters among the tensors.
    final Set<String> parameters = new TreeSet<>();

    /// Peak bytes of each rank.
    final List<Map<Category, Long>> peaks = new ArrayList<>();

    synchronized void put(String name, long elements, long start, Tensor tensor) {
      int[] whole = tensors.computeIfAbsent(name, key -> empty(elements));
      for (int i = 0; i < tensor.elements(); i++) {
        int at = (int) start + i;
        if (whole[at] != UNSEEN) {
          throw new AssertionError(name + "[" + at + "] has two owners");
        }
        whole[at] = tensor.segment().getAtIndex(ValueLayout.JAVA_INT, i);
      }
    }

    private static int[] empty(long elements) {
      int[] empty = new int[(int) elements];
      Arrays.fill(empty, UNSEEN);
      return empty;
    }

    /// Names of tensors that are not alike, bit by bit.
    List<String> differing(Outcome other) {
      List<String> names = new ArrayList<>();
      tensors.forEach(
          (name, bits) -> {
            if (!Arrays.equals(bits, other.tensors.get(name))) {
              names.add(name);
            }
          });
      other.tensors.keySet().stream()
          .filter(name -> !tensors.containsKey(name))
          .forEach(names::add);
      return names;
    }
  }

  /// The bits of a NaN that no computation makes.
  private static final int UNSEEN = 0x7FC0_1234;

  private record Step(ZeroRun run, Backend backend, int step, int firstGroup, int endGroup)
      implements StepBatch {
    @Override
    public int microBatchesPerGroup() {
      return run.microBatches;
    }

    @Override
    public Batch microBatch(int group, int index) {
      long place = ((long) step * run.groups + group) * run.microBatches + index;
      int[] ids = TestTensors.randomIds(SEED + place, SAMPLES * TIME + 1, 300);
      return new Batch(
          TestTensors.ids(backend, Arrays.copyOf(ids, SAMPLES * TIME), SAMPLES, TIME),
          TestTensors.ids(backend, Arrays.copyOfRange(ids, 1, ids.length), SAMPLES * TIME),
          SAMPLES,
          place * SAMPLES);
    }

    @Override
    public double lossScale() {
      return 1.0 / (run.groups * run.microBatches * SAMPLES * TIME);
    }
  }

  /// What is done on each rank after the last step.
  interface Extra {
    void accept(ZeroShare share, LanguageModel network);
  }

  /// A step's batches, for one rank.
  StepBatch batch(Backend backend, int step) {
    return batch(backend, step, 0, groups);
  }

  /// The groups `first` to `end` - 1 of a step.
  StepBatch batch(Backend backend, int step, int first, int end) {
    return new Step(this, backend, step, first, end);
  }

  static Backend backend() {
    return Backends.open("cpu", BackendOptions.threads(1));
  }

  /// The same run, from the first step to the last of `part` only.
  ZeroRun first(int part) {
    return new ZeroRun(model, rule, precision, part, groups, microBatches);
  }

  /// One rank without ZeRO.
  Outcome alone() {
    Outcome outcome = new Outcome();
    LanguageModel network = model.create();
    try (Backend backend = backend();
        ParameterStore store = new ParameterStore(backend, network.parameters(), precision);
        Optimizer optimizer = optimizer(backend, store);
        GradientReducer reducer =
            new GradientReducer(
                backend,
                store,
                new BatchTree(groups, 1),
                0,
                new Collectives(Transport.single(), (p, w) -> {}),
                Reduction.TREE)) {
      store.initialise(SEED);
      Backpropagation estimator =
          new Backpropagation(
              backend, network, store, SavedTensors.keep(), WeightGradient.EXACT, Loss.PLAIN, SEED);
      for (int step = 1; step <= steps; step++) {
        int number = step;
        double[] losses = new double[groups];
        estimator.estimate(
            new Step(this, backend, step, 0, groups),
            new GradientSink() {
              @Override
              public void endGroup(int group, double lossSum) {
                losses[group] = lossSum;
                reducer.endGroup(group);
              }

              @Override
              public void ready(List<Parameter> parameters) {
                reducer.reduce();
                store.combineUses();
                double norm = 0;
                for (Parameter parameter : store.parameters()) {
                  norm += backend.squaredNorm(parameter.gradient());
                }
                optimizer.step(number, rate(number), GradientClipping.scale(norm, CLIP));
                outcome.norms.add(norm);
              }
            });
        outcome.losses.add(Arrays.stream(losses).sum());
      }
      for (Parameter parameter : store.parameters()) {
        outcome.parameters.add(parameter.name());
        outcome.put(parameter.name(), parameter.shape().elements(), 0, parameter.value());
      }
      states(optimizer, outcome);
      outcome.peaks.add(peaks(backend));
    }
    return outcome;
  }

  static double rate(int step) {
    return 0.02 / step;
  }

  private Optimizer optimizer(Backend backend, ParameterStore store) {
    List<ParameterSpan> spans = new ArrayList<>();
    List<Treatment> treatments = new ArrayList<>();
    for (Parameter parameter : store.parameters()) {
      spans.add(
          new ParameterSpan(
              parameter.name(),
              parameter.shape(),
              store.offset(spans.size()),
              parameter.isDecayed()));
      treatments.add(Treatment.of(rule.of(parameter)));
    }
    return new Optimizer(backend, spans, treatments, store.values(), store.primaryGradients());
  }

  Optimizer optimizer(Backend backend, ZeroShare share) {
    List<SliceSpan> spans = new ArrayList<>();
    List<Treatment> treatments = new ArrayList<>();
    for (ZeroSlice slice : share.slices()) {
      Parameter parameter = slice.parameter();
      spans.add(
          new SliceSpan(
              parameter.name(),
              parameter.shape(),
              slice.start(),
              slice.extent(),
              share.valueOffset(slice),
              share.gradientOffset(slice),
              parameter.isDecayed()));
      treatments.add(Treatment.of(rule.of(parameter)));
    }
    return Optimizer.ofSlices(
        backend, spans, treatments, share.flatValues(), share.flatGradients());
  }

  private static void states(Optimizer optimizer, Outcome outcome) {
    for (HeldState held : optimizer.held()) {
      outcome.put(
          held.spec().name() + "." + held.parameter(),
          held.spec().shape().elements(),
          held.start(),
          held.tensor());
    }
  }

  private static Map<Category, Long> peaks(Backend backend) {
    Map<Category, Long> peaks = new EnumMap<>(Category.class);
    for (Category category : Category.values()) {
      peaks.put(category, backend.memory().peak(category));
    }
    return peaks;
  }

  /// Who owns what of `network` on `data` ranks.
  ZeroLayout layout(LanguageModel network, int data) {
    return new ZeroLayout(
        network.units().stream().map(Unit::parameters).toList(),
        parameter -> rule.of(parameter).need() != Need.ELEMENT,
        data);
  }

  /// Elements of the largest part of a unit that `rank` owns.
  long largestSlice(int data, int rank) {
    return layout(model.create(), data).units().stream()
        .flatMap(unit -> Stream.concat(unit.regions().stream(), unit.useRegions().stream()))
        .mapToLong(region -> region.slices().length(rank))
        .max()
        .orElse(0);
  }

  /// `data` ranks under ZeRO stage `stage`.
  Outcome shared(int stage, int data) throws Exception {
    return shared(stage, data, Reduction.TREE, Optional.empty(), (share, network) -> {});
  }

  /// The same, from what `earlier` has left on.
  Outcome resumed(int stage, int data, Outcome earlier) throws Exception {
    return shared(stage, data, Reduction.TREE, Optional.of(earlier), (share, network) -> {});
  }

  /// The same, after `earlier` if there is one, with `extra` called on every rank after the last step.
  Outcome shared(int stage, int data, Reduction reduction, Optional<Outcome> earlier, Extra extra)
      throws Exception {
    Outcome outcome = new Outcome();
    IntStream.range(0, data).forEach(rank -> outcome.peaks.add(Map.of()));
    InProcessTransportProvider provider = new InProcessTransportProvider();
    new RankGroup(rank -> provider, rank -> "here", "auto", 65_536)
        .run(
            data,
            transport -> {
              Collectives collectives = new Collectives(transport, (peer, waited) -> {});
              LanguageModel network = model.create();
              ZeroLayout layout = layout(network, data);
              try (Backend backend = backend()) {
                if (stage == 1) {
                  try (ParameterStore store =
                          new ParameterStore(backend, layout.placement(), precision);
                      ZeroShare share =
                          ZeroShare.ofStore(
                              backend,
                              store,
                              layout,
                              new BatchTree(groups, data),
                              collectives,
                              reduction)) {
                    train(backend, network, share, collectives, outcome, earlier, extra);
                  }
                } else {
                  try (ZeroShare share =
                      ZeroShare.ofUnits(
                          stage, backend, layout, groups, microBatches, collectives, precision)) {
                    train(backend, network, share, collectives, outcome, earlier, extra);
                  }
                }
              }
            });
    return outcome;
  }

  private void train(
      Backend backend,
      LanguageModel network,
      ZeroShare share,
      Collectives collectives,
      Outcome outcome,
      Optional<Outcome> earlier,
      Extra extra) {
    try (Optimizer optimizer = optimizer(backend, share)) {
      share.initialise(SEED);
      earlier.ifPresent(saved -> restore(share, optimizer, saved));
      int done = earlier.map(saved -> saved.losses.size()).orElse(0);
      UnitBackpropagation estimator =
          new UnitBackpropagation(
              backend, network, share, SavedTensors.keep(), WeightGradient.EXACT, Loss.PLAIN, SEED);
      List<Double> losses = new ArrayList<>();
      List<Double> norms = new ArrayList<>();
      for (int step = done + 1; step <= steps; step++) {
        int number = step;
        double[] mine = new double[groups];
        estimator.estimate(
            new Step(this, backend, step, 0, groups),
            new GradientSink() {
              @Override
              public void endGroup(int group, double lossSum) {
                mine[group] = lossSum;
                share.endGroup(group);
              }

              @Override
              public void ready(List<Parameter> parameters) {
                share.reduce();
                share.combineUses();
                double norm = share.squaredNorm(parameter -> true);
                optimizer.step(number, rate(number), GradientClipping.scale(norm, CLIP));
                share.shareValues();
                norms.add(norm);
              }
            });
        losses.add(sum(collectives.allGather(mine)));
      }
      extra.accept(share, network);
      collect(backend, network, share, optimizer, outcome, collectives.rank());
      synchronized (outcome) {
        if (outcome.losses.isEmpty()) {
          outcome.losses.addAll(losses);
          outcome.norms.addAll(norms);
        } else if (!outcome.losses.equals(losses) || !outcome.norms.equals(norms)) {
          throw new AssertionError("the ranks saw different norms: " + norms + outcome.norms);
        }
      }
    }
  }

  /// Each rank reads its own elements, as from a checkpoint.
  private static void restore(ZeroShare share, Optimizer optimizer, Outcome saved) {
    for (ZeroSlice slice : share.slices()) {
      write(saved.tensors.get(slice.parameter().name()), slice.start(), share.values(slice));
    }
    for (HeldState held : optimizer.held()) {
      String name = held.spec().name() + "." + held.parameter();
      write(saved.tensors.get(name), held.start(), held.tensor());
    }
    share.shareValues();
  }

  private static void write(int[] bits, long start, Tensor tensor) {
    for (int i = 0; i < tensor.elements(); i++) {
      tensor.segment().setAtIndex(ValueLayout.JAVA_INT, i, bits[(int) start + i]);
    }
  }

  private double sum(double[][] votes) {
    double sum = 0;
    for (int group = 0; group < groups; group++) {
      for (double[] vote : votes) {
        sum += vote[group];
      }
    }
    return sum;
  }

  /// Each rank's own slices become the outcome's tensors; where a rank holds whole values they must be the same.
  private void collect(
      Backend backend,
      LanguageModel network,
      ZeroShare share,
      Optimizer optimizer,
      Outcome outcome,
      int rank) {
    outcome.peaks.set(rank, peaks(backend));
    for (ZeroSlice slice : share.slices()) {
      Parameter parameter = slice.parameter();
      outcome.put(
          parameter.name(), parameter.shape().elements(), slice.start(), share.values(slice));
    }
    states(optimizer, outcome);
    share.gatherAll();
    for (Parameter parameter : network.parameters()) {
      if (!parameter.isTied()) {
        outcome.put(
            "rank " + rank + " " + parameter.name(),
            parameter.shape().elements(),
            0,
            parameter.value());
      }
    }
    share.releaseAll();
  }
}
