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

  /// Forward enters a segment.
  void enter(String segment);

  /// Forward leaves the segment that it entered last.
  void exit();

  /// Takes over one ownership of `tensor` until it is fetched or discarded.
  Handle save(Tensor tensor);

  /// Keeps everything where it is.
  static SavedTensors keep() {
    return KeepSavedTensors.INSTANCE;
  }
}
