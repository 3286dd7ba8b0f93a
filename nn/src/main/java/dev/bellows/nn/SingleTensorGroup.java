package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// A group of one. A tape asks it for its size only; the exchanges would be copies.
final class SingleTensorGroup implements TensorGroup {
  static final SingleTensorGroup INSTANCE = new SingleTensorGroup();

  private SingleTensorGroup() {}

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int size() {
    return 1;
  }

  @Override
  public boolean isSequence() {
    return false;
  }

  @Override
  public void sum(Tensor x) {}

  @Override
  public void gatherRows(Tensor mine, Tensor all) {
    throw nobody();
  }

  @Override
  public void scatterRows(Tensor all, Tensor mine) {
    throw nobody();
  }

  private static IllegalStateException nobody() {
    return new IllegalStateException(
        "one tensor rank has all rows and nobody to exchange them with");
  }

  @Override
  public double[][] gather(double[] mine) {
    return new double[][] {mine.clone()};
  }
}
