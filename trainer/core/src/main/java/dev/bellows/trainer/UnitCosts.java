package dev.bellows.trainer;

import dev.bellows.nn.Model;
import dev.bellows.parallelism.plan.ModelTraits;
import dev.bellows.parallelism.plan.ModelTraits.Family;
import dev.bellows.trainer.config.ModelSection;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.data.SampleLayout;
import java.util.Arrays;
import java.util.List;

/// What each unit of a model costs: what lies before the layers, each layer, what lies behind them. The numbers are the model's own
/// ([Model#flopsPerSample], [Model#activationBytes]); a transformer block's are the difference that one block more makes. Their sums are the model's.
///
/// @param traits the model's family and sizes
/// @param rowsPerSample rows of one sample
/// @param flops of forward and backward of one sample, by unit
/// @param activations bytes saved for backward of one micro-batch, by unit
/// @param shared of these bytes, those that every tensor rank holds: inputs and outputs of norms and sums of branches. The rest is split with the
///     weights that make it
/// @param widths elements of a row that leaves the unit
record UnitCosts(
    ModelTraits traits,
    int rowsPerSample,
    List<Double> flops,
    List<Long> activations,
    List<Long> shared,
    List<Integer> widths) {
  /// The costs of `model`, which `models` makes of `config` and `layout`.
  static UnitCosts of(RunConfig config, Model model, ModelFactory models, SampleLayout layout) {
    return switch (config.model().kind()) {
      case GPT, LLAMA -> decoder(config, model, models, layout);
      case MLP -> perceptron(config, model);
      case CNN ->
          new UnitCosts(
              new ModelTraits(Family.WHOLE, 1, 0, 0, 0),
              model.rowsPerSample(),
              List.of(0.0, model.flopsPerSample(), 0.0),
              List.of(0L, model.activationBytes(config.batch().micro()), 0L),
              List.of(0L, 0L, 0L),
              List.of(0, 0, 0));
    };
  }

  private static UnitCosts decoder(
      RunConfig config, Model model, ModelFactory models, SampleLayout layout) {
    ModelSection section = config.model();
    int layers = section.layers();
    int micro = config.batch().micro();
    Model deeper = models.create(section.withLayers(layers + 1), layout);
    double blockFlops = deeper.flopsPerSample() - model.flopsPerSample();
    long blockBytes = deeper.activationBytes(micro) - model.activationBytes(micro);
    boolean gpt = section.kind() == ModelSection.Kind.GPT;
    ModelTraits traits =
        new ModelTraits(
            gpt ? Family.GPT : Family.LLAMA,
            layers,
            section.heads(),
            section.keyValueHeads() == 0 ? section.heads() : section.keyValueHeads(),
            section.width());
    long width = section.width();
    // A layer norm keeps a mean and a deviation of each row, an RMS norm one root.
    long statistics = gpt ? 2 : 1;
    long rowBytes = (long) Float.BYTES * micro * model.rowsPerSample();
    Units units = new Units(layers + 2);
    for (int unit = 1; unit <= layers; unit++) {
      units.set(unit, blockFlops, blockBytes, rowBytes * (4 * width + 2 * statistics));
    }
    units.set(
        layers + 1,
        model.flopsPerSample() - layers * blockFlops,
        model.activationBytes(micro) - layers * blockBytes,
        rowBytes * (2 * width + statistics));
    Arrays.fill(units.widths, section.width());
    return units.costs(traits, model.rowsPerSample());
  }

  private static UnitCosts perceptron(RunConfig config, Model model) {
    List<Integer> hidden = config.model().hidden();
    long micro = config.batch().micro();
    int layers = hidden.size() + 1;
    double[] flops =
        model.parameters().stream()
            .filter(parameter -> parameter.shape().rank() == 2)
            .mapToDouble(parameter -> 6.0 * parameter.shape().elements())
            .toArray();
    Units units = new Units(layers + 2);
    long rest = model.activationBytes(config.batch().micro());
    for (int layer = 0; layer < hidden.size(); layer++) {
      long bytes = Float.BYTES * micro * hidden.get(layer);
      // The outputs of a column-parallel layer are split, those of a row-parallel one summed.
      units.set(layer + 1, flops[layer], bytes, layer % 2 == 0 ? 0 : bytes);
      units.widths[layer + 1] = hidden.get(layer);
      rest -= bytes;
    }
    units.set(layers, flops[layers - 1], rest, rest);
    units.widths[layers] = (int) model.parameters().getLast().shape().dim(0);
    return units.costs(new ModelTraits(Family.MLP, layers, 0, 0, 0), 1);
  }

  /// Sum over all units.
  double totalFlops() {
    return flops.stream().mapToDouble(Double::doubleValue).sum();
  }

  /// The numbers while they are gathered.
  private static final class Units {
    private final Double[] flops;
    private final Long[] activations;
    private final Long[] shared;
    private final Integer[] widths;

    Units(int units) {
      flops = new Double[units];
      activations = new Long[units];
      shared = new Long[units];
      widths = new Integer[units];
      for (int unit = 0; unit < units; unit++) {
        set(unit, 0, 0, 0);
        widths[unit] = 0;
      }
    }

    void set(int unit, double flopsOfUnit, long bytes, long sharedBytes) {
      flops[unit] = flopsOfUnit;
      activations[unit] = bytes;
      shared[unit] = sharedBytes;
    }

    UnitCosts costs(ModelTraits traits, int rows) {
      return new UnitCosts(
          traits, rows, List.of(flops), List.of(activations), List.of(shared), List.of(widths));
    }
  }
}
