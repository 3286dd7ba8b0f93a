package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// Keeps what backward needs. The seam for placement (device, host, SSD) and recomputation; the order of calls is fixed by the model.
///
/// A segment is a stretch of the model (a block) between [#enter] and [#exit]; backward visits segments in reverse order. Threads:
/// the tape's.
public interface SavedTensors {
  /// A token for one saved tensor.
  interface Handle {
    /// The tensor again, with the bytes that were saved, owned once by the caller.
    Tensor fetch();

    /// Gives the tensor up without fetching it.
    void discard();
  }

  /// Runs a segment's forward pass again.
  @FunctionalInterface
  interface Replay {
    /// Computes the segment from `input`, with the same calls of [#save] in the same order as the first time; the handles that those
    /// calls return are not used. `input` is borrowed.
    void run(Tensor input);
  }

  /// Forward enters a segment.
  void enter(String segment);

  /// Forward enters a segment that depends on nothing but `input` and parameters. Who recomputes retains `input`, lets the saved
  /// tensors go and calls `replay` when the first of them is fetched; everybody else needs the name only. `input` is borrowed.
  default void enter(String segment, Tensor input, Replay replay) {
    enter(segment);
  }

  /// Forward leaves the segment that it entered last.
  void exit();

  /// Takes over one ownership of `tensor` until it is fetched or discarded.
  Handle save(Tensor tensor);

  /// Keeps everything where it is.
  static SavedTensors keep() {
    return KeepSavedTensors.INSTANCE;
  }
}
