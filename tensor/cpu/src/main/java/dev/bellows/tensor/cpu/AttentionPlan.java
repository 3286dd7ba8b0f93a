package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Attention;
import java.util.ArrayList;
import java.util.List;

/// The blocks of one [Attention] size and their prepared products.
///
/// Queries go in blocks of 64 rows, the keys that a block sees in chunks of at most 512, so that a block of scores stays in the
/// second-level cache. Chunks above the diagonal are not computed.
final class AttentionPlan {
  static final int QUERY_BLOCK = 64;

  /// A multiple of the query block, so that each row of a block sees at least one key of each of its chunks.
  static final int KEY_CHUNK = 512;

  /// One block of scores: queries `row` to `row + rows`, keys `column` to `column + columns`.
  ///
  /// @param scores q kᵀ
  /// @param values out (+)= p v; added from the second chunk on
  record ForwardStep(
      int row, int rows, int column, int columns, MatrixProduct scores, MatrixProduct values) {}

  /// The same for the gradients. The last block of queries comes first: it sees every key, so its key and value gradients are
  /// stored, and those of the others added.
  ///
  /// @param scores q kᵀ
  /// @param probabilities dp = dout vᵀ
  /// @param queries dq (+)= ds k; added from the second chunk on
  /// @param firstKeys dk or dv of the step that stores, for the first head of a group
  /// @param keys dk += dsᵀ q
  /// @param firstValues dv = pᵀ dout
  /// @param values dv += pᵀ dout
  record BackwardStep(
      int row,
      int rows,
      int column,
      int columns,
      MatrixProduct scores,
      MatrixProduct probabilities,
      MatrixProduct queries,
      MatrixProduct firstKeys,
      MatrixProduct keys,
      MatrixProduct firstValues,
      MatrixProduct values) {}

  private final Attention spec;
  private final Products products;
  private final int packed;
  private final int outWidth;
  private final int stride;
  private List<ForwardStep> forward = List.of();
  private List<BackwardStep> backward = List.of();

  AttentionPlan(Attention spec, Products products) {
    this.spec = spec;
    this.products = products;
    this.packed = spec.packedWidth();
    this.outWidth = spec.heads() * spec.headWidth();
    // One vector more than the chunk: rows a power of two apart would fall into the same cache
    // sets.
    this.stride = TileGrid.ceilDivide(Math.min(KEY_CHUNK, spec.time()), 16) * 16 + 16;
  }

  /// Floats from one row of a block of scores to the next.
  int stride() {
    return stride;
  }

  /// Bytes of one block of scores.
  long blockBytes() {
    return 4L * QUERY_BLOCK * stride;
  }

  /// The forward steps, chunks of one block of queries one after the other.
  List<ForwardStep> forward() {
    if (forward.isEmpty()) {
      List<ForwardStep> steps = new ArrayList<>();
      for (int row = 0; row < spec.time(); row += QUERY_BLOCK) {
        int rows = Math.min(QUERY_BLOCK, spec.time() - row);
        for (int column = 0; column < visible(row, rows); column += KEY_CHUNK) {
          int columns = Math.min(KEY_CHUNK, visible(row, rows) - column);
          steps.add(
              new ForwardStep(
                  row,
                  rows,
                  column,
                  columns,
                  scores(rows, columns),
                  weighted(rows, columns, outWidth, column > 0)));
        }
      }
      forward = List.copyOf(steps);
    }
    return forward;
  }

  /// The backward steps, blocks of queries from last to first.
  List<BackwardStep> backward() {
    if (backward.isEmpty()) {
      List<BackwardStep> steps = new ArrayList<>();
      for (int row = (spec.time() - 1) / QUERY_BLOCK * QUERY_BLOCK; row >= 0; row -= QUERY_BLOCK) {
        int rows = Math.min(QUERY_BLOCK, spec.time() - row);
        boolean last = row + QUERY_BLOCK >= spec.time();
        for (int column = 0; column < visible(row, rows); column += KEY_CHUNK) {
          steps.add(
              backward(row, rows, column, Math.min(KEY_CHUNK, visible(row, rows) - column), last));
        }
      }
      backward = List.copyOf(steps);
    }
    return backward;
  }

  private BackwardStep backward(int row, int rows, int column, int columns, boolean last) {
    MatrixProduct keys = transposed(rows, columns, packed, true);
    MatrixProduct values = transposed(rows, columns, outWidth, true);
    return new BackwardStep(
        row,
        rows,
        column,
        columns,
        scores(rows, columns),
        products.prepare(
            new ProductShape(
                false,
                rows,
                columns,
                spec.headWidth(),
                false,
                outWidth,
                true,
                packed,
                stride,
                false,
                false)),
        weighted(rows, columns, packed, column > 0),
        last ? transposed(rows, columns, packed, false) : keys,
        keys,
        last ? transposed(rows, columns, outWidth, false) : values,
        values);
  }

  /// Keys that a block of queries sees.
  private int visible(int row, int rows) {
    return spec.causal() ? row + rows : spec.time();
  }

  private MatrixProduct scores(int rows, int columns) {
    return products.prepare(
        new ProductShape(
            false,
            rows,
            columns,
            spec.headWidth(),
            false,
            packed,
            true,
            packed,
            stride,
            false,
            false));
  }

  /// A block of scores times packed keys or values.
  private MatrixProduct weighted(int rows, int columns, int ldc, boolean accumulate) {
    return products.prepare(
        new ProductShape(
            false,
            rows,
            spec.headWidth(),
            columns,
            false,
            stride,
            false,
            packed,
            ldc,
            false,
            accumulate));
  }

  /// A transposed block of scores times rows of queries or output gradients.
  private MatrixProduct transposed(int rows, int columns, int ldb, boolean accumulate) {
    return products.prepare(
        new ProductShape(
            false,
            columns,
            spec.headWidth(),
            rows,
            true,
            stride,
            false,
            ldb,
            packed,
            false,
            accumulate));
  }
}
