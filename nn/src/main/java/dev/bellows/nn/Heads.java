package dev.bellows.nn;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Rotary;
import java.util.List;

/// This rank's heads of packed queries, keys and values: from the logical sizes that a model gives and the columns that a value has here.
final class Heads {
  private Heads() {}

  /// `spec` with this rank's heads of `qkv`.
  static Attention own(Attention spec, Variable qkv) {
    requireSequences(qkv);
    if (!qkv.spread().isColumns()) {
      return spec;
    }
    List<Spread.Run> keys = keys(spec, qkv);
    List<Spread.Run> values = values(spec, qkv);
    long heads = heads(queries(spec, qkv), spec.headWidth(), qkv);
    long keyValueHeads = heads(keys, spec.headWidth(), qkv);
    if (!keys.equals(values) || keyValueHeads < 1 || heads % keyValueHeads != 0) {
      throw unsplit("attention needs the keys and values of its queries", qkv);
    }
    return new Attention(
        spec.batch(),
        spec.time(),
        (int) heads,
        (int) keyValueHeads,
        spec.headWidth(),
        spec.causal());
  }

  /// How the output of attention over `qkv` lies: as the queries do.
  static Spread result(Attention spec, Variable qkv) {
    long width = (long) spec.heads() * spec.headWidth();
    return qkv.spread().isColumns()
        ? Spread.columns(qkv.spread().rows(), width, queries(spec, qkv))
        : qkv.spread().withWidth(width);
  }

  /// `spec` with this rank's part of the leading heads of `x`.
  static Rotary own(Rotary spec, Variable x) {
    requireSequences(x);
    if (!x.spread().isColumns()) {
      return spec;
    }
    List<Spread.Run> turned = x.spread().clip(0, (long) spec.heads() * spec.headWidth());
    return new Rotary(
        spec.time(),
        (int) heads(turned, spec.headWidth(), x),
        spec.headWidth(),
        spec.theta(),
        spec.inverse());
  }

  private static List<Spread.Run> queries(Attention spec, Variable qkv) {
    return qkv.spread().clip(0, (long) spec.heads() * spec.headWidth());
  }

  private static List<Spread.Run> keys(Attention spec, Variable qkv) {
    long start = (long) spec.heads() * spec.headWidth();
    return qkv.spread().clip(start, start + (long) spec.keyValueHeads() * spec.headWidth());
  }

  private static List<Spread.Run> values(Attention spec, Variable qkv) {
    long start = (long) (spec.heads() + spec.keyValueHeads()) * spec.headWidth();
    return qkv.spread().clip(start, spec.packedWidth());
  }

  private static long heads(List<Spread.Run> runs, int headWidth, Variable x) {
    for (Spread.Run run : runs) {
      if (run.start() % headWidth != 0 || run.extent() % headWidth != 0) {
        throw unsplit("heads of " + headWidth + " columns are not cut", x);
      }
    }
    return Spread.extent(runs) / headWidth;
  }

  private static IllegalStateException unsplit(String need, Variable x) {
    return new IllegalStateException(
        need
            + ", but "
            + Exchange.describe(x)
            + " into "
            + x.spread().columns()
            + "; its layer should be split by "
            + Split.HEADS);
  }

  /// Positions see each other, so a rank needs all rows of a sequence.
  private static void requireSequences(Variable x) {
    if (x.spread().isRows()) {
      throw new IllegalStateException(
          "attention and rotary embedding take whole sequences, but "
              + Exchange.describe(x)
              + "; a column-parallel layer would come before them");
    }
  }
}
