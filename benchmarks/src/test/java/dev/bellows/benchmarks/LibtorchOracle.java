package dev.bellows.benchmarks;

import java.io.IOException;
import java.nio.file.Path;

/// The process that trains every [ParityCase] in libtorch, which takes long to load, and writes what it saw.
final class LibtorchOracle {
  private LibtorchOracle() {}

  /// Argument: the folder that holds the inputs of each case and gets the observations.
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    for (ParityCase parity : ParityCase.values()) {
      EngineInputs inputs = new EngineInputs(parity.shape(), folder.resolve(parity.name()));
      try (LibtorchSide side =
          new LibtorchSide(
              parity.shape(), inputs, 2, LibtorchOptions.AS_SHIPPED, parity.update())) {
        Observation.of(parity.shape(), side).write(folder.resolve(parity + ".bin"));
      }
    }
    // libtorch's threads must not keep the process alive.
    System.exit(0);
  }
}
