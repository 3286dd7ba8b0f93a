package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Attention;

/// Where one head's rows of queries, keys and values lie, or those of their gradients.
///
/// @param query address of the first query; the others alike
/// @param rowBytes bytes from one row to the next
record AttentionHead(long query, long key, long value, long rowBytes) {
  /// The head in packed rows of elements of `bytes`.
  static AttentionHead packed(Attention spec, int bytes, long base, int batch, int head) {
    int shared = head / (spec.heads() / spec.keyValueHeads());
    long sequence = base + (long) bytes * batch * spec.time() * spec.packedWidth();
    long width = (long) bytes * spec.headWidth();
    return new AttentionHead(
        sequence + width * head,
        sequence + width * (spec.heads() + shared),
        sequence + width * (spec.heads() + spec.keyValueHeads() + shared),
        (long) bytes * spec.packedWidth());
  }

  /// F32 sums of the head's gradients, one tensor [time, headWidth] of `bytes` behind the other.
  static AttentionHead sums(Attention spec, long base, long bytes) {
    return new AttentionHead(base, base + bytes, base + 2 * bytes, 4L * spec.headWidth());
  }

  /// Address of a head's first row in a tensor of outputs of elements of `bytes`.
  static long output(Attention spec, int bytes, long base, int batch, int head) {
    return base
        + (long) bytes * ((long) batch * spec.time() * spec.heads() + head) * spec.headWidth();
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
}
