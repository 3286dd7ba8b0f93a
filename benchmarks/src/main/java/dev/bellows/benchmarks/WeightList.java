package dev.bellows.benchmarks;

import java.util.ArrayList;
import java.util.List;

/// Collects the weights of a model in file order.
final class WeightList {
  private final List<Weight> list = new ArrayList<>();
  private long offset;

  /// Adds a tensor.
  void add(String name, long... dims) {
    Weight weight = new Weight(name, dims, offset);
    list.add(weight);
    offset += weight.elements();
  }

  /// Adds `name.weight` and `name.bias`, both [width].
  void addNorm(String name, long width) {
    add(name + ".weight", width);
    add(name + ".bias", width);
  }

  /// Adds `name.weight` [out, in] and `name.bias` [out].
  void addLinear(String name, long out, long in) {
    add(name + ".weight", out, in);
    add(name + ".bias", out);
  }

  List<Weight> weights() {
    return List.copyOf(list);
  }
}
