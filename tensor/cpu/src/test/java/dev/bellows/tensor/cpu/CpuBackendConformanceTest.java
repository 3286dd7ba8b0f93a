package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendConformance;
import dev.bellows.tensor.BackendOptions;

final class CpuBackendConformanceTest extends BackendConformance {
  @Override
  protected Backend open(int threads) {
    return new CpuBackendProvider().open(BackendOptions.threads(threads));
  }
}
