package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Tensor;

/// How the factored second moment of a matrix is cut into tiles: blocks of whole rows that depend on the shape only. A tile owns its rows' sums; the
/// columns' sums of the blocks are added in block order.
final class FactoredMoments {
  private FactoredMoments() {}

  /// [dev.bellows.tensor.Backend#factoredMoments]; `partials` is scratch of one part.
  static void move(
      ComputeTeam team,
      Workspace partials,
      double scale,
      double weight,
      Tensor gradient,
      Tensor rows,
      Tensor columns) {
    int m = Math.toIntExact(rows.elements());
    int n = Math.toIntExact(columns.elements());
    if (m == 0 || n == 0) {
      return;
    }
    int blockRows = CpuBackend.blockRows(m);
    int blocks = TileGrid.ceilDivide(m, blockRows);
    partials.require(Math.max(64, 8L * blocks * n));
    long sums = partials.address(0);
    long g = gradient.segment().address();
    long r = rows.segment().address();
    double square = scale * scale;
    team.run(
        blocks,
        (tile, worker) -> {
          int first = tile * blockRows;
          int count = Math.min(blockRows, m - first);
          long at = g + 4L * first * n;
          FactoredKernels.rowMeans(at, count, n, square / n, weight, r + 4L * first);
          FactoredKernels.columnSquares(at, count, n, sums + 8L * tile * n);
        });
    FactoredKernels.columnMeans(sums, blocks, n, square / m, weight, columns.segment().address());
  }

  /// [dev.bellows.tensor.Backend#factoredUpdate].
  static void update(
      ComputeTeam team,
      double scale,
      double rowMean,
      double floor,
      Tensor gradient,
      Tensor rows,
      Tensor columns,
      Tensor update) {
    int m = Math.toIntExact(rows.elements());
    int n = Math.toIntExact(columns.elements());
    int tileRows = CpuBackend.tileRows(n);
    long g = gradient.segment().address();
    long r = rows.segment().address();
    long c = columns.segment().address();
    long u = update.segment().address();
    team.run(
        TileGrid.ceilDivide(m, tileRows),
        (tile, worker) -> {
          int first = tile * tileRows;
          for (int i = first; i < Math.min(m, first + tileRows); i++) {
            long row = 4L * i * n;
            float share = FactoredKernels.rowShare(r + 4L * i, rowMean);
            FactoredKernels.updateRow((float) scale, share, (float) floor, g + row, c, u + row, n);
          }
        });
  }
}
