package dev.bellows.tensor.cpu;

import java.util.HashMap;
import java.util.Map;

/// The tiles of a [GemmShape] whose second operand is packed once, in panels as wide as a tile, and whose first is transposed once where that pays
/// ([GemmShape#transposesA]), in bands as high as a tile.
final class PackedProduct implements AutoCloseable {
  private static final long ALIGNMENT = 64;

  private final GemmShape shape;
  private final TileGrid grid;
  private final MatrixProduct[] tiles;
  private final Packing[] panels;
  private final Map<ProductShape, MatrixProduct> products = new HashMap<>();
  private final Map<Integer, Packing> packings = new HashMap<>();
  private final Map<Integer, Reorder> transpositions = new HashMap<>();

  /// The calling thread's OpenMP team must have size 1.
  PackedProduct(GemmShape shape, long engine, int workers) {
    this.shape = shape;
    this.grid = shape.grid();
    this.panels = new Packing[grid.columnTiles()];
    this.tiles = new MatrixProduct[grid.tiles()];
    for (int i = 0; i < tiles.length; i++) {
      ProductShape tile = shape.tile(grid.rowsOf(i), grid.columnsOf(i));
      // The first row of tiles decides on the layout; a last row of less height takes it too.
      Packing packing =
          packings.computeIfAbsent(tile.n(), width -> new Packing(tile, engine, workers));
      panels[i % panels.length] = packing;
      tiles[i] =
          products.computeIfAbsent(
              tile, key -> MatrixProduct.packed(key, packing, engine, workers));
      if (shape.transposesA()) {
        transpositions.computeIfAbsent(
            tile.m(), rows -> transposition(shape, rows, engine, workers));
      }
    }
  }

  private static Reorder transposition(GemmShape shape, int rows, long engine, int workers) {
    long[] layouts = ProductDescription.transposition(shape, rows);
    Reorder reorder = new Reorder(layouts[0], layouts[1], engine, workers);
    OneDnn.destroyMatrix(layouts[0]);
    OneDnn.destroyMatrix(layouts[1]);
    return reorder;
  }

  /// Number of copies to be made before the tiles: panels, then bands.
  int copies() {
    return panels.length + (shape.transposesA() ? grid.tiles() / panels.length : 0);
  }

  /// Makes copy number `i` of the operands at `a` and `b` as `worker`, in `memory` of [#bytes].
  void copy(int i, int worker, long stream, long a, long b, long memory, long scratchpad) {
    if (i < panels.length) {
      long source = shape.b(b, grid.firstColumn(i));
      panels[i].reorder().execute(worker, stream, source, memory + offsetB(i), scratchpad);
      return;
    }
    int tile = (i - panels.length) * panels.length;
    transpositions
        .get(grid.rowsOf(tile))
        .execute(worker, stream, shape.a(a, grid.firstRow(tile)), a(tile, a, memory), scratchpad);
  }

  /// Address of what tile `i` reads of the first operand at `a`.
  long a(int i, long a, long memory) {
    int row = grid.firstRow(i);
    return shape.transposesA() ? memory + bytesB() + shape.transposedOffset(row) : shape.a(a, row);
  }

  /// Address of what tile `i` reads of the second operand.
  long b(int i, long memory) {
    return memory + offsetB(i);
  }

  MatrixProduct tile(int i) {
    return tiles[i];
  }

  private long offsetB(int tile) {
    return tile % panels.length * panels[0].bytes();
  }

  private long bytesB() {
    return (panels.length * panels[0].bytes() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /// Bytes of all copies.
  long bytes() {
    return bytesB() + (shape.transposesA() ? shape.transposedOffset(shape.m()) : 0);
  }

  /// Bytes of scratchpad that a worker needs.
  long scratchBytes() {
    long most = 0;
    for (MatrixProduct product : products.values()) {
      most = Math.max(most, product.scratchBytes());
    }
    for (Packing packing : packings.values()) {
      most = Math.max(most, packing.reorder().scratchBytes());
    }
    for (Reorder transposition : transpositions.values()) {
      most = Math.max(most, transposition.scratchBytes());
    }
    return most;
  }

  TileGrid grid() {
    return grid;
  }

  @Override
  public void close() {
    products.values().forEach(MatrixProduct::close);
    packings.values().forEach(Packing::close);
    transpositions.values().forEach(Reorder::close);
  }
}
