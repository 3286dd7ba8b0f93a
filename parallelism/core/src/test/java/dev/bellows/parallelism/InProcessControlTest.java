package dev.bellows.parallelism;

class InProcessControlTest extends ControlConformance {
  @Override
  protected TransportProvider provider() {
    return new InProcessTransportProvider();
  }
}
