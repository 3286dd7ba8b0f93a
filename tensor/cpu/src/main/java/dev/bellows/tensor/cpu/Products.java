package dev.bellows.tensor.cpu;

import dev.bellows.tensor.MemoryPool;
import java.util.HashMap;
import java.util.Map;

/// Matrix products over a [ComputeTeam]: prepared oneDNN primitives, kept by shape, and oneDNN's sgemm.
///
/// How a product is cut and computed is a function of its [GemmShape] only.
/// Threads: [#prepare] and [#gemm] by the thread that calls the backend, [#execute] by any worker.
final class Products implements AutoCloseable {
  /// A training run has a few hundred shapes. Whoever makes new ones for ever (text generation) must not fill the memory.
  private static final int MOST = 1024;

  private final ComputeTeam team;
  private final Workspace scratch;
  private final Workspace packed;
  private final long engine = OneDnn.engine();
  private final long[] streams;
  private final Map<ProductShape, MatrixProduct> prepared = new HashMap<>();
  private final Map<GemmShape, PackedProduct> packedProducts = new HashMap<>();

  Products(ComputeTeam team, MemoryPool memory) {
    this.team = team;
    this.scratch = new Workspace(memory, team.threads());
    this.packed = new Workspace(memory, 1);
    this.streams = new long[team.threads()];
    for (int i = 0; i < streams.length; i++) {
      streams[i] = OneDnn.stream(engine);
    }
  }

  /// The product of `shape`, made on first use. The calling thread's OpenMP team must have size 1.
  MatrixProduct prepare(ProductShape shape) {
    MatrixProduct product = prepared.get(shape);
    if (product == null) {
      product = MatrixProduct.plain(shape, engine, team.threads());
      prepared.put(shape, product);
      scratch.require(Math.max(64, product.scratchBytes()));
    }
    return product;
  }

  /// Whether so many shapes are kept that [#forget] is due before the next operation.
  boolean isFull() {
    return prepared.size() + packedProducts.size() > MOST;
  }

  /// Frees every prepared product; those handed out before must not be used again.
  void forget() {
    prepared.values().forEach(MatrixProduct::close);
    prepared.clear();
    packedProducts.values().forEach(PackedProduct::close);
    packedProducts.clear();
  }

  /// Runs `product` on the calling thread, which is `worker` of the team.
  void execute(MatrixProduct product, int worker, long a, long b, long bias, long c) {
    product.execute(worker, streams[worker], a, b, bias, c, scratch.address(worker));
  }

  /// Computes a whole product; `bias` is ignored without one. The calling thread's OpenMP team must have size 1.
  void gemm(GemmShape shape, long a, long b, long bias, long c) {
    if (shape.packed()) {
      packedGemm(shape, a, b, bias, c);
    } else if (shape.prepared()) {
      preparedGemm(shape, a, b, bias, c);
    } else {
      sgemm(shape, a, b, c);
    }
  }

  private void packedGemm(GemmShape shape, long a, long b, long bias, long c) {
    PackedProduct product = packedProduct(shape);
    TileGrid grid = product.grid();
    long copies = packed.address(0);
    team.run(
        product.copies(),
        (copy, worker) ->
            product.copy(copy, worker, streams[worker], a, b, copies, scratch.address(worker)));
    team.run(
        grid.tiles(),
        (tile, worker) -> {
          int column = grid.firstColumn(tile);
          execute(
              product.tile(tile),
              worker,
              product.a(tile, a, copies),
              product.b(tile, copies),
              bias + 4L * column,
              shape.c(c, grid.firstRow(tile), column));
        });
  }

  private PackedProduct packedProduct(GemmShape shape) {
    PackedProduct product = packedProducts.get(shape);
    if (product == null) {
      product = new PackedProduct(shape, engine, team.threads());
      packedProducts.put(shape, product);
      scratch.require(Math.max(64, product.scratchBytes()));
      packed.require(product.bytes());
    }
    return product;
  }

  private void preparedGemm(GemmShape shape, long a, long b, long bias, long c) {
    TileGrid grid = shape.grid();
    MatrixProduct[] tiles = new MatrixProduct[grid.tiles()];
    for (int i = 0; i < tiles.length; i++) {
      tiles[i] = prepare(shape.tile(grid.rowsOf(i), grid.columnsOf(i)));
    }
    team.run(
        tiles.length,
        (tile, worker) -> {
          int row = grid.firstRow(tile);
          int column = grid.firstColumn(tile);
          execute(
              tiles[tile],
              worker,
              shape.a(a, row),
              shape.b(b, column),
              bias + 4L * column,
              shape.c(c, row, column));
        });
  }

  private void sgemm(GemmShape shape, long a, long b, long c) {
    TileGrid grid = shape.grid();
    float beta = shape.spec().accumulate() ? 1f : 0f;
    team.run(
        grid.tiles(),
        (tile, worker) -> {
          int row = grid.firstRow(tile);
          int column = grid.firstColumn(tile);
          OneDnn.sgemm(
              shape.spec().transposeA(),
              false,
              grid.rowsOf(tile),
              grid.columnsOf(tile),
              shape.k(),
              shape.a(a, row),
              shape.lda(),
              shape.b(b, column),
              shape.ldb(),
              beta,
              shape.c(c, row, column),
              shape.n());
        });
  }

  @Override
  public void close() {
    forget();
    for (long stream : streams) {
      OneDnn.destroyStream(stream);
    }
    scratch.close();
    packed.close();
  }
}
