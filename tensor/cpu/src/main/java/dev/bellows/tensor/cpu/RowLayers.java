package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Dropout;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Rotary;
import java.lang.foreign.MemorySegment;

/// Layers of [CpuBackend] that work row by row, cut into tiles of whole rows. Addresses are absolute, arguments are checked by the caller.
final class RowLayers implements AutoCloseable {
  private final ComputeTeam team;
  private final Workspace partials;
  private final RotaryTable rotaryTable;

  RowLayers(ComputeTeam team, MemoryPool memory) {
    this.team = team;
    this.partials = new Workspace(memory, 1);
    this.rotaryTable = new RotaryTable(memory);
  }

  /// Work on `count` rows from row `first` on.
  @FunctionalInterface
  private interface Rows {
    void run(int first, int count);
  }

  private void byRows(int m, int n, Rows work) {
    int rows = CpuBackend.tileRows(n);
    team.run(
        TileGrid.ceilDivide(m, rows),
        (tile, worker) -> work.run(tile * rows, Math.min(rows, m - tile * rows)));
  }

  void rmsNorm(long x, long gamma, double epsilon, long y, long inverseRms, int m, int n) {
    byRows(
        m,
        n,
        (first, count) -> {
          long at = 4L * first * n;
          RmsNormKernels.forward(
              x + at, gamma, epsilon, y + at, inverseRms + 4L * first, count, n);
        });
  }

  void rmsNormBackward(
      long x,
      long gamma,
      long inverseRms,
      long dy,
      long dx,
      long dgamma,
      boolean accumulate,
      int m,
      int n) {
    int rows = CpuBackend.blockRows(m);
    int blocks = TileGrid.ceilDivide(m, rows);
    partials.require(Math.max(64, 4L * blocks * n));
    long sums = partials.address(0);
    team.run(
        CpuBackend.isLarge((long) m * n),
        blocks,
        (tile, worker) -> {
          int first = tile * rows;
          long at = 4L * first * n;
          RmsNormKernels.backward(
              x + at,
              gamma,
              inverseRms + 4L * first,
              dy + at,
              dx + at,
              sums + 4L * tile * n,
              Math.min(rows, m - first),
              n);
        });
    ReductionKernels.combine(sums, blocks, n, n, dgamma, accumulate);
  }

  void swiGlu(long x, long y, int m, int n) {
    byRows(
        m,
        n,
        (first, count) ->
            SwiGluKernels.forward(x + 8L * first * n, y + 4L * first * n, count, n));
  }

  void swiGluBackward(long x, long dy, long dx, int m, int n) {
    byRows(
        m,
        n,
        (first, count) ->
            SwiGluKernels.backward(
                x + 8L * first * n, dy + 4L * first * n, dx + 8L * first * n, count, n));
  }

  void rotary(Rotary spec, long x, long y, int m, int n) {
    rotaryTable.require(spec);
    int half = spec.headWidth() / 2;
    int turned = spec.heads() * spec.headWidth();
    float sign = spec.inverse() ? -1f : 1f;
    byRows(
        m,
        n,
        (first, count) -> {
          for (int row = first; row < first + count; row++) {
            int position = row % spec.time();
            long at = 4L * row * n;
            RotaryKernels.row(
                x + at,
                rotaryTable.cosines(position),
                rotaryTable.sines(position),
                sign,
                y + at,
                spec.heads(),
                half);
            if (x != y && turned < n) {
              long behind = at + 4L * turned;
              MemorySegment.copy(
                  Lanes.ALL, x + behind, Lanes.ALL, y + behind, 4L * (n - turned));
            }
          }
        });
  }

  void dropout(Dropout spec, long x, long y, int m, int n) {
    byRows(
        m,
        n,
        (first, count) -> {
          for (int row = first; row < first + count; row++) {
            long at = 4L * row * n;
            DropoutKernels.row(spec, spec.counter(row, n), x + at, y + at, n);
          }
        });
  }

  @Override
  public void close() {
    partials.close();
    rotaryTable.close();
  }
}
