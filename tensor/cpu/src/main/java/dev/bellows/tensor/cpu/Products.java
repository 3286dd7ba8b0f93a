package dev.bellows.tensor.cpu;

import dev.bellows.tensor.Gemm;
import dev.bellows.tensor.MemoryPool;
import java.util.HashMap;
import java.util.Map;

/// Matrix products over a [ComputeTeam]: prepared oneDNN primitives, kept by shape, and oneDNN's sgemm.
///
/// Which of the two computes a product is a function of its kind: the primitive where b is transposed (a linear layer's forward
/// pass), a bias is added or the operands are BF16, sgemm for input and weight gradients, where it measured up to 5 % (weight gradients on Zen 5: 10 to 20 %) faster.
/// Threads: [#prepare] and [#gemm] by the thread that calls the backend, [#execute] by any worker.
final class Products implements AutoCloseable {
  /// A training run has a few hundred shapes. Whoever makes new ones for ever (text generation) must not fill the memory.
  private static final int MOST = 1024;

  private final ComputeTeam team;
  private final Workspace scratch;
  private final long engine = OneDnn.engine();
  private final long[] streams;
  private final Map<ProductShape, MatrixProduct> prepared = new HashMap<>();

  Products(ComputeTeam team, MemoryPool memory) {
    this.team = team;
    this.scratch = new Workspace(memory, team.threads());
    this.streams = new long[team.threads()];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = OneDnn.stream(engine);
    }
  }

  /// The primitive of `shape`, made on first use. The calling thread's OpenMP team must have size 1.
  MatrixProduct prepare(ProductShape shape) {
    MatrixProduct product = prepared.get(shape);
    if (product == null) {
      product = new MatrixProduct(shape, engine, team.threads());
      prepared.put(shape, product);
      scratch.require(Math.max(64, product.scratchBytes()));
    }
    return product;
  }

  /// Whether so many shapes are kept that [#forget] is due before the next operation.
  boolean isFull() {
    return prepared.size() > MOST;
  }

  /// Frees every prepared product; those handed out before must not be used again.
  void forget() {
    prepared.values().forEach(MatrixProduct::close);
    prepared.clear();
  }

  /// Runs `product` on the calling thread, which is `worker` of the team.
  void execute(MatrixProduct product, int worker, long a, long b, long bias, long c) {
    product.execute(worker, streams[worker], a, b, bias, c, scratch.address(worker));
  }

  /// `c [m, n] (+)= op(a) op(b) (+ bias)` over packed matrices; `bias` is 0 for none.
  /// With `half`, `a` and `b` are BF16.
  void gemm(Gemm spec, boolean half, int m, int n, int k, long a, long b, long bias, long c) {
    TileGrid grid = spec.transposeA() ? TileGrid.byOutput(m, n, k) : TileGrid.byRows(m, n, k);
    int lda = spec.transposeA() ? m : k;
    int ldb = spec.transposeB() ? k : n;
    long bytes = half ? 2 : 4;
    long aStep = bytes * (spec.transposeA() ? 1 : lda);
    long bStep = bytes * (spec.transposeB() ? ldb : 1);
    if (half || spec.transposeB() || bias != 0) {
      MatrixProduct[] products = prepare(spec, half, grid, k, lda, ldb, n, bias != 0);
      team.run(
          grid.tiles(),
          (tile, worker) -> {
            int row = grid.firstRow(tile);
            int column = grid.firstColumn(tile);
            execute(
                products[tile],
                worker,
                a + aStep * row,
                b + bStep * column,
                bias + 4L * column,
                c + 4L * ((long) row * n + column));
          });
    } else {
      float beta = spec.accumulate() ? 1f : 0f;
      team.run(
          grid.tiles(),
          (tile, worker) -> {
            int row = grid.firstRow(tile);
            int column = grid.firstColumn(tile);
            OneDnn.sgemm(
                spec.transposeA(),
                false,
                grid.rowsOf(tile),
                grid.columnsOf(tile),
                k,
                a + aStep * row,
                lda,
                b + bStep * column,
                ldb,
                beta,
                c + 4L * ((long) row * n + column),
                n);
          });
    }
  }

  private MatrixProduct[] prepare(
      Gemm spec, boolean half, TileGrid grid, int k, int lda, int ldb, int ldc, boolean bias) {
    MatrixProduct[] products = new MatrixProduct[grid.tiles()];
    for (int tile = 0; tile < products.length; tile++) {
      boolean like =
          tile > 0
              && grid.rowsOf(tile) == grid.rowsOf(tile - 1)
              && grid.columnsOf(tile) == grid.columnsOf(tile - 1);
      products[tile] =
          like
              ? products[tile - 1]
              : prepare(
                  new ProductShape(
                      half,
                      grid.rowsOf(tile),
                      grid.columnsOf(tile),
                      k,
                      spec.transposeA(),
                      lda,
                      spec.transposeB(),
                      ldb,
                      ldc,
                      bias,
                      spec.accumulate()));
    }
    return products;
  }

  @Override
  public void close() {
    forget();
    for (long stream : streams) {
      OneDnn.destroyStream(stream);
    }
    scratch.close();
  }
}
