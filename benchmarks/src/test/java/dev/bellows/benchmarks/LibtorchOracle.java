package dev.bellows.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/// The process that trains every [ParityCase] in libtorch, which takes long to load, and writes what it saw.
final class LibtorchOracle {
  private LibtorchOracle() {}

  /// The other ways that libtorch can compute the GPT, by the name of their observation.
  static final Map<String, LibtorchOptions> GPT_VARIANTS =
      Map.of(
          "composed",
          LibtorchOptions.AS_SHIPPED.withFusedAttention(false),
          "fused",
          LibtorchOptions.AS_SHIPPED.withFusedAdamW(true),
          "autocast",
          LibtorchOptions.AS_SHIPPED.in(SidePrecision.BF16));

  /// Argument: the folder that holds the inputs of each case and gets the observations.
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    for (ParityCase parity : ParityCase.values()) {
      observe(parity, LibtorchOptions.AS_SHIPPED, folder, parity.name());
    }
    for (Map.Entry<String, LibtorchOptions> variant : GPT_VARIANTS.entrySet()) {
      observe(ParityCase.GPT, variant.getValue(), folder, variant.getKey());
    }
    // libtorch's threads must not keep the process alive.
    System.exit(0);
  }

  private static void observe(ParityCase parity, LibtorchOptions options, Path folder, String name)
      throws IOException {
    EngineInputs inputs = new EngineInputs(parity.shape(), folder.resolve(parity.name()));
    try (LibtorchSide side =
        new LibtorchSide(parity.shape(), inputs, 2, options, parity.update())) {
      Observation.of(parity.shape(), side).write(folder.resolve(name + ".bin"));
    }
  }
}
