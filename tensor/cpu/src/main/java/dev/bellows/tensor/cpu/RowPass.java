package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.CpuBackend.blockRows;
import static dev.bellows.tensor.cpu.CpuBackend.tileRows;
import static dev.bellows.tensor.cpu.ElementwisePass.RUN;
import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Tensor;

/// Operations of [CpuBackend] over rows, on checked arguments: layer normalisation, embeddings, losses and sums.
///
/// What does not reduce over rows is cut into tiles of rows. What does is summed over fixed blocks of rows, whose sums are combined in order.
final class RowPass {
  private static final int BLOCKS_PER_TILE = 8;

  private final ComputeTeam team;

  /// Sums of blocks, shared with the backend's other reductions.
  private final Workspace partials;

  RowPass(ComputeTeam team, Workspace partials) {
    this.team = team;
    this.partials = partials;
  }

  private static long at(Tensor x) {
    return x.segment().address();
  }

  void columnSums(Tensor x, Tensor out, boolean accumulate) {
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = blockRows(m);
    int blocks = TileGrid.ceilDivide(m, rows);
    partials.require(Math.max(64, 4L * blocks * n));
    long sums = partials.address(0);
    long a = at(x);
    team.run(
        (long) m * n >= RUN,
        blocks,
        (tile, worker) -> {
          int first = tile * rows;
          int count = Math.min(rows, m - first);
          long block = sums + 4L * tile * n;
          if (x.dtype() == DType.BF16) {
            HalfKernels.columns(a + 2L * first * n, count, n, block);
          } else {
            ReductionKernels.columns(a + 4L * first * n, count, n, block);
          }
        });
    ReductionKernels.combine(sums, blocks, n, n, at(out), accumulate);
  }

  void layerNorm(
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor mean,
      Tensor inverseDeviation) {
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          NormKernels.forward(
              at(x) + at,
              at(gamma),
              at(beta),
              epsilon,
              at(y) + at,
              at(mean) + 4L * first,
              at(inverseDeviation) + 4L * first,
              Math.min(rows, m - first),
              n);
        });
  }

  void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor inverseDeviation,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      Tensor dbeta,
      boolean accumulate) {
    int m = Math.toIntExact(x.shape().dim(0));
    int n = Math.toIntExact(x.shape().dim(1));
    int rows = blockRows(m);
    int blocks = TileGrid.ceilDivide(m, rows);
    partials.require(Math.max(64, 8L * blocks * n));
    long sums = partials.address(0);
    team.run(
        (long) m * n >= RUN,
        blocks,
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          long block = sums + 8L * tile * n;
          NormKernels.backward(
              at(x) + at,
              at(gamma),
              at(mean) + 4L * first,
              at(inverseDeviation) + 4L * first,
              at(dy) + at,
              at(dx) + at,
              block,
              block + 4L * n,
              Math.min(rows, m - first),
              n);
        });
    ReductionKernels.combine(sums, blocks, 2 * n, n, at(dgamma), accumulate);
    ReductionKernels.combine(sums + 4L * n, blocks, 2 * n, n, at(dbeta), accumulate);
  }

  void embedding(Tensor ids, Tensor table, Tensor out, boolean accumulate) {
    EmbeddingKernels.verifyIds("embedding", ids, table.shape().dim(0), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(table.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          EmbeddingKernels.gather(
              at(ids) + 4L * first,
              at(table),
              at(out) + 4L * first * n,
              Math.min(rows, m - first),
              n,
              accumulate);
        });
  }

  void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable) {
    EmbeddingKernels.verifyIds("embeddingBackward", ids, dtable.shape().dim(0), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(dtable.shape().dim(1));
    // Ranges of columns: rows that hit the same id are added in order by one thread.
    int width = (long) m * n < RUN ? Math.max(1, n) : 64;
    team.run(
        TileGrid.ceilDivide(n, width),
        (tile, worker) -> {
          long column = 4L * tile * width;
          EmbeddingKernels.scatterAdd(
              at(ids),
              at(dout) + column,
              at(dtable) + column,
              m,
              n,
              Math.min(width, n - tile * width));
        });
  }

  void crossEntropy(Loss loss, Tensor logits, Tensor targets, Tensor losses) {
    int n = Math.toIntExact(logits.shape().dim(1));
    int m = Math.toIntExact(logits.shape().dim(0));
    EmbeddingKernels.verifyIds("crossEntropy", targets, n, true);
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          SoftmaxKernels.crossEntropy(
              loss,
              at(logits) + 4L * first * n,
              at(targets) + 4L * first,
              at(losses) + 4L * first,
              Math.min(rows, m - first),
              n);
        });
  }

  void crossEntropyWithGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits) {
    int n = Math.toIntExact(logits.shape().dim(1));
    int m = Math.toIntExact(logits.shape().dim(0));
    EmbeddingKernels.verifyIds("crossEntropyWithGradient", targets, n, true);
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          SoftmaxKernels.crossEntropyWithGradient(
              loss,
              at(logits) + at,
              at(targets) + 4L * first,
              (float) scale,
              at(losses) + 4L * first,
              at(dlogits) + at,
              Math.min(rows, m - first),
              n);
        });
  }

  /// The FP64 sum of the elements of `x`, or of their squares.
  double blockSum(Tensor x, boolean squares) {
    long elements = x.elements();
    int blocks = Math.toIntExact((elements + Backend.BLOCK - 1) / Backend.BLOCK);
    partials.require(Math.max(64, 8L * blocks));
    long sums = partials.address(0);
    long a = at(x);
    team.run(
        TileGrid.ceilDivide(blocks, BLOCKS_PER_TILE),
        (tile, worker) -> {
          for (int block = tile * BLOCKS_PER_TILE;
              block < Math.min(blocks, (tile + 1) * BLOCKS_PER_TILE);
              block++) {
            long start = (long) block * Backend.BLOCK;
            int n = (int) Math.min(Backend.BLOCK, elements - start);
            double sum =
                squares
                    ? ReductionKernels.squaredNorm(a + 4 * start, n)
                    : ReductionKernels.sum(a + 4 * start, n);
            ALL.set(JAVA_DOUBLE, sums + 8L * block, sum);
          }
        });
    double total = 0;
    for (int block = 0; block < blocks; block++) {
      total += ALL.get(JAVA_DOUBLE, sums + 8L * block);
    }
    return total;
  }
}
