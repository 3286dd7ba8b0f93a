package dev.bellows.benchmarks;

/// One weight tensor of a compared model in the weights file.
///
/// @param name its path inside the model, the name of the parameter on our side
/// @param dims row-major dims; linear weights are [out, in]
/// @param offset first element in the file
record Weight(String name, long[] dims, long offset) {
  long elements() {
    long product = 1;
    for (long dim : dims) {
      product *= dim;
    }
    return product;
  }

  /// Matrices decay, vectors do not.
  boolean isDecayed() {
    return dims.length >= 2;
  }
}
