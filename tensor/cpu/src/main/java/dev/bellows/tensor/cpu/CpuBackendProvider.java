package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.BackendProvider;

/// Offers [CpuBackend] under the name `cpu`.
public final class CpuBackendProvider implements BackendProvider {
  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int priority() {
    return 10;
  }

  @Override
  public Backend open(BackendOptions options) {
    // Before any class that needs the vector module is linked.
    CpuRequirements.verify();
    OneDnn.verifyAvailable();
    return new CpuBackend(options.threads());
  }
}
