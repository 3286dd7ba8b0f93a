package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.CpuBackend.tileRows;
import static dev.bellows.tensor.cpu.ElementwisePass.RUN;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Tensor;
import dev.bellows.tensor.VocabularyPart;

/// Operations of [CpuBackend] on parts of a vocabulary, on checked arguments, cut into tiles of rows; a scatter-add into ranges of columns.
final class VocabularyPass {
  private static final long STRIDE = 4L * Backend.STATISTICS;

  private final ComputeTeam team;

  VocabularyPass(ComputeTeam team) {
    this.team = team;
  }

  private static long at(Tensor x) {
    return x.segment().address();
  }

  void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out) {
    EmbeddingKernels.verifyIds("embedding", ids, part.total(), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(table.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          VocabularyKernels.gather(
              at(ids) + 4L * first,
              part.first(),
              table.shape().dim(0),
              at(table),
              at(out) + 4L * first * n,
              Math.min(rows, m - first),
              n);
        });
  }

  void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable) {
    EmbeddingKernels.verifyIds("embeddingBackward", ids, part.total(), false);
    int m = Math.toIntExact(ids.elements());
    int n = Math.toIntExact(dtable.shape().dim(1));
    // Ranges of columns: rows that hit the same id are added in order by one thread.
    int width = (long) m * n < RUN ? Math.max(1, n) : 64;
    team.run(
        TileGrid.ceilDivide(n, width),
        (tile, worker) -> {
          long column = 4L * tile * width;
          VocabularyKernels.scatterAdd(
              at(ids),
              part.first(),
              dtable.shape().dim(0),
              at(dout) + column,
              at(dtable) + column,
              m,
              n,
              Math.min(width, n - tile * width));
        });
  }

  void crossEntropyPart(
      Loss loss,
      VocabularyPart part,
      Tensor logits,
      Tensor targets,
      Tensor statistics,
      Tensor exponentials) {
    EmbeddingKernels.verifyIds("crossEntropyPart", targets, part.total(), true);
    int m = Math.toIntExact(logits.shape().dim(0));
    int n = Math.toIntExact(logits.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          VocabularyKernels.statistics(
              loss,
              part.first(),
              at(logits) + at,
              at(targets) + 4L * first,
              at(statistics) + STRIDE * first,
              at(exponentials) + at,
              Math.min(rows, m - first),
              n);
        });
  }

  void crossEntropyOfParts(
      Loss loss, long total, Tensor targets, Tensor statistics, Tensor losses) {
    EmbeddingKernels.verifyIds("crossEntropyOfParts", targets, total, true);
    int m = Math.toIntExact(targets.elements());
    // A few logarithms a row: not worth waking the team.
    VocabularyKernels.losses(
        loss,
        total,
        at(targets),
        at(statistics),
        Math.toIntExact(statistics.shape().dim(0)),
        STRIDE * m,
        at(losses),
        m);
  }

  void crossEntropyOfPartsGradient(
      Loss loss,
      VocabularyPart part,
      Tensor targets,
      double scale,
      Tensor statistics,
      Tensor gradient) {
    EmbeddingKernels.verifyIds("crossEntropyOfPartsGradient", targets, part.total(), true);
    int m = Math.toIntExact(gradient.shape().dim(0));
    int n = Math.toIntExact(gradient.shape().dim(1));
    int rows = tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> {
          int first = tile * rows;
          VocabularyKernels.gradient(
              loss,
              part.index(),
              part.first(),
              part.total(),
              at(targets) + 4L * first,
              scale,
              at(statistics) + STRIDE * first,
              Math.toIntExact(statistics.shape().dim(0)),
              STRIDE * m,
              at(gradient) + 4L * first * n,
              Math.min(rows, m - first),
              n);
        });
  }
}
