package dev.bellows.nn;

import dev.bellows.tensor.Tensor;

/// One recorded operation: where its output's gradient lies, and what it saved for backward.
abstract class Node {
  private final int outputSlot;
  private final SavedTensors.Handle[] saved;

  Node(Variable output, SavedTensors.Handle... saved) {
    this.outputSlot = output.slot();
    this.saved = saved;
  }

  final int outputSlot() {
    return outputSlot;
  }

  /// Saved tensor `index`, owned by the caller; once.
  final Tensor fetch(int index) {
    SavedTensors.Handle handle = saved[index];
    saved[index] = null;
    return handle.fetch();
  }

  /// Turns the gradient of the output into gradients of the inputs and of the parameters. `dy` is borrowed, and free to be overwritten once
  /// no other owner holds it.
  abstract void backward(Tape tape, Tensor dy);

  /// Backward has come by, whether a gradient arrived or not.
  void passed() {}

  /// Gives up what was saved and not fetched; harmless after backward.
  final void discard() {
    for (int i = 0; i < saved.length; i++) {
      if (saved[i] != null) {
        saved[i].discard();
        saved[i] = null;
      }
    }
  }
}
