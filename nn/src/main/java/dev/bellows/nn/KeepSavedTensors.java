package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// Keeps saved tensors on the device until backward asks for them.
final class KeepSavedTensors implements SavedTensors {
  static final KeepSavedTensors INSTANCE = new KeepSavedTensors();

  private record Kept(Tensor tensor) implements Handle {
    @Override
    public Tensor fetch() {
      return tensor;
    }

    @Override
    public void discard() {
      tensor.release();
    }
  }

  private KeepSavedTensors() {}

  @Override
  public void enter(String segment) {}

  @Override
  public void exit() {}

  @Override
  public Handle save(Tensor tensor) {
    return new Kept(tensor);
  }
}
