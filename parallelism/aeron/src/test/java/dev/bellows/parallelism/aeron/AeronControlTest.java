package dev.bellows.parallelism.aeron;

import dev.bellows.parallelism.ControlConformance;
import dev.bellows.parallelism.TransportProvider;

class AeronControlTest extends ControlConformance {
  @Override
  protected TransportProvider provider() {
    return new AeronTransportProvider();
  }
}
