package dev.bellows.nn;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;

/// Scaled dot-product attention; saves its input, its output (which the projection behind it saves too) and a number a row and head.
final class AttentionNode extends Node {
  private final Attention spec;
  private final Variable qkv;

  private AttentionNode(Attention spec, Variable qkv, Variable out, SavedTensors.Handle... saved) {
    super(out, saved);
    this.spec = spec;
    this.qkv = qkv;
  }

  static Variable forward(Tape tape, Attention logical, Variable qkv) {
    Attention spec = Heads.own(logical, qkv);
    long rows = (long) spec.batch() * spec.time();
    Variable out =
        tape.output(
            Heads.result(logical, qkv),
            qkv.dtype(),
            qkv.isDifferentiable(),
            rows,
            (long) spec.heads() * spec.headWidth());
    DType sums = qkv.dtype() == DType.BF16 ? DType.F32 : qkv.dtype();
    Variable logSumExp = tape.output(sums, false, rows * spec.heads());
    tape.backend().attention(spec, qkv.value(), out.value(), logSumExp.value());
    if (tape.isTraining() && qkv.isDifferentiable()) {
      SavedTensors.Handle first = tape.save(qkv.value().retain());
      SavedTensors.Handle second = tape.save(out.value().retain());
      SavedTensors.Handle third = tape.save(logSumExp.take());
      tape.record(new AttentionNode(spec, qkv, out, first, second, third));
    } else {
      tape.release(logSumExp);
    }
    tape.release(qkv);
    return out;
  }

  @Override
  void backward(Tape tape, Tensor dout) {
    try (Tensor packed = fetch(0);
        Tensor out = fetch(1);
        Tensor logSumExp = fetch(2)) {
      Tensor dqkv = tape.backend().allocate(packed.dtype(), packed.shape(), Category.ACTIVATION);
      tape.backend().attentionBackward(spec, packed, out, logSumExp, dout, dqkv);
      tape.contribute(qkv, dqkv);
    }
  }
}
