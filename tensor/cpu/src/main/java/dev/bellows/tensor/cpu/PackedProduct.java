package dev.bellows.tensor.cpu;

import java.util.HashMap;
import java.util.Map;

/// The tiles of a [GemmShape] whose second operand is packed once, in panels as wide as a tile.
final class PackedProduct implements AutoCloseable {
  private final TileGrid grid;
  private final MatrixProduct[] tiles;
  private final Packing[] panels;
  private final Map<ProductShape, MatrixProduct> products = new HashMap<>();
  private final Map<Integer, Packing> packings = new HashMap<>();

  /// The calling thread's OpenMP team must have size 1.
  PackedProduct(GemmShape shape, TileGrid grid, long engine, int workers) {
    this.grid = grid;
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
    }
  }

  int panels() {
    return panels.length;
  }

  Packing panel(int i) {
    return panels[i];
  }

  MatrixProduct tile(int i) {
    return tiles[i];
  }

  /// Where the packed panel that tile `i` reads begins in the packed operand; the `i`th panel, for a tile of the first row.
  long offset(int i) {
    return i % panels.length * panels[0].bytes();
  }

  /// Bytes of the packed operand.
  long bytes() {
    return panels.length * panels[0].bytes();
  }

  /// Bytes of scratchpad that a worker needs.
  long scratchBytes() {
    long most = 0;
    for (MatrixProduct product : products.values()) {
      most = Math.max(most, product.scratchBytes());
    }
    for (Packing packing : packings.values()) {
      most = Math.max(most, packing.scratchBytes());
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
  }
}
