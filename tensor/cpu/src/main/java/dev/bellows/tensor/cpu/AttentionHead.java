package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.DType;

/// Where the operands of one head's products lie: F32 in the packed rows, or rounded to BF16 in the worker's scratch.
///
/// @param query address of the first query; the others alike
/// @param gradient address of the first row of output gradients, 0 in the forward pass
/// @param rowBytes bytes from one query, key or value to the next
/// @param gradientBytes bytes from one row of output gradients to the next
/// @param scores address of the worker's blocks of scores
/// @param halves address of a block of rounded scores, 0 where nothing is rounded
record AttentionHead(
    long query,
    long key,
    long value,
    long gradient,
    long rowBytes,
    long gradientBytes,
    long scores,
    long halves) {

  static AttentionHead forward(
      Attention spec, AttentionPlan plan, int batch, int head, long qkv, long scratch) {
    return backward(spec, plan, batch, head, qkv, 0, scratch);
  }

  /// `dout` is 0 in the forward pass.
  static AttentionHead backward(
      Attention spec, AttentionPlan plan, int batch, int head, long qkv, long dout, long scratch) {
    AttentionHead packed = inPlace(spec, batch, head, qkv, dout, scratch);
    return spec.half() ? packed.roundedTo(spec, plan) : packed;
  }

  /// The head in the packed rows of `qkv`, or of its gradient.
  static AttentionHead inPlace(
      Attention spec, int batch, int head, long qkv, long dout, long scratch) {
    int shared = head / (spec.heads() / spec.keyValueHeads());
    long key = packed(spec, qkv, batch, spec.heads() + shared);
    return new AttentionHead(
        packed(spec, qkv, batch, head),
        key,
        key + 4L * spec.keyValueHeads() * spec.headWidth(),
        dout == 0 ? 0 : output(spec, dout, batch, head),
        4L * spec.packedWidth(),
        4L * spec.heads() * spec.headWidth(),
        scratch,
        0);
  }

  /// Address of a head's first row in a tensor of outputs.
  static long output(Attention spec, long base, int batch, int head) {
    return base + 4L * ((long) batch * spec.time() * spec.heads() + head) * spec.headWidth();
  }

  private static long packed(Attention spec, long base, int batch, int head) {
    return base
        + 4L * ((long) batch * spec.time() * spec.packedWidth() + (long) head * spec.headWidth());
  }

  private AttentionHead roundedTo(Attention spec, AttentionPlan plan) {
    long blocks = scores + 2 * plan.blockBytes();
    long at = blocks + plan.blockBytes();
    long bytes = plan.halfHeadBytes();
    narrow(spec, query, rowBytes, at);
    narrow(spec, key, rowBytes, at + bytes);
    narrow(spec, value, rowBytes, at + 2 * bytes);
    if (gradient != 0) {
      narrow(spec, gradient, gradientBytes, at + 3 * bytes);
    }
    long row = 2L * spec.headWidth();
    return new AttentionHead(
        at, at + bytes, at + 2 * bytes, at + 3 * bytes, row, row, scores, blocks);
  }

  private static void narrow(Attention spec, long source, long sourceBytes, long target) {
    int width = spec.headWidth();
    for (int t = 0; t < spec.time(); t++) {
      Conversions.copy(
          DType.F32, source + sourceBytes * t, DType.BF16, target + 2L * width * t, width);
    }
  }

  long query(int position) {
    return query + rowBytes * position;
  }

  long key(int position) {
    return key + rowBytes * position;
  }

  long value(int position) {
    return value + rowBytes * position;
  }

  long gradient(int position) {
    return gradient + gradientBytes * position;
  }

  /// `block` of `elements` scores as an operand: itself, or rounded; valid until the next call.
  long rounded(long block, int elements) {
    if (halves == 0) {
      return block;
    }
    Conversions.copy(DType.F32, block, DType.BF16, halves, elements);
    return halves;
  }
}
