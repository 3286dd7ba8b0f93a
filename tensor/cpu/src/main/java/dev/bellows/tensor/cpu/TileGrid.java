package dev.bellows.tensor.cpu;

/// How the output of a matrix product is cut: tiles of `tileRows` by `tileColumns`, the last of each direction smaller.
///
/// The cut depends on the sizes of the product only. [#VERSION] changes whenever a rule here changes, since that changes bits.
///
/// @param rows rows of the output
/// @param columns columns of the output
/// @param tileRows rows of one tile
/// @param tileColumns columns of one tile
record TileGrid(int rows, int columns, int tileRows, int tileColumns) {
  /// Version of the tile configuration, part of the backend's fingerprint.
  static final int VERSION = 2;

  /// Operations below which one more tile costs more than it brings: about 50 µs of one core.
  private static final double TILE_FLOPS = 8e6;

  private static final int ROW_TILES = 16;
  private static final int OUTPUT_TILES = 8;

  /// Columns that a tile keeps if it can: narrower ones read too much of the other operand for what they compute.
  private static final int PANEL = 384;

  /// Bands of rows, as forward products and input gradients are cut; a product of few rows is cut by columns too.
  static TileGrid byRows(int m, int n, int k) {
    int wanted = (int) Math.clamp(2.0 * m * n * k / TILE_FLOPS, 1, ROW_TILES);
    int tileRows = roundUp(ceilDivide(m, wanted), 16);
    int bands = ceilDivide(m, tileRows);
    int tileColumns = bands * 2 > wanted ? n : roundUp(ceilDivide(n, wanted / bands), 64);
    return new TileGrid(m, n, Math.min(tileRows, m), Math.min(tileColumns, n));
  }

  /// Bands of rows cut into panels of columns, for a second operand that is packed panel by panel.
  static TileGrid byRowsAndPanels(int m, int n, int k) {
    TileGrid bands = byRows(m, n, k);
    int panels = Math.max(1, n / PANEL);
    return new TileGrid(
        m, n, bands.tileRows, Math.min(bands.tileColumns, roundUp(ceilDivide(n, panels), 64)));
  }

  /// Blocks of the output, as weight gradients are cut: first wide columns are halved, then rows, then the longer side, until there are enough.
  static TileGrid byOutput(int m, int n, int k) {
    int wanted = (int) Math.clamp(2.0 * m * n * k / TILE_FLOPS, 1, OUTPUT_TILES);
    int tileRows = m;
    int tileColumns = n;
    int tiles = 1;
    while (tiles < wanted && Math.max(tileRows, tileColumns) > 32) {
      if (tileColumns <= PANEL && tileRows > 64 || tileRows > tileColumns) {
        tileRows = roundUp(ceilDivide(tileRows, 2), 16);
      } else {
        tileColumns = roundUp(ceilDivide(tileColumns, 2), 16);
      }
      tiles = ceilDivide(m, tileRows) * ceilDivide(n, tileColumns);
    }
    return new TileGrid(m, n, Math.min(tileRows, m), Math.min(tileColumns, n));
  }

  /// Number of tiles.
  int tiles() {
    return ceilDivide(rows, tileRows) * columnTiles();
  }

  /// Tiles beside each other.
  int columnTiles() {
    return ceilDivide(columns, tileColumns);
  }

  int firstRow(int tile) {
    return tile / columnTiles() * tileRows;
  }

  int firstColumn(int tile) {
    return tile % columnTiles() * tileColumns;
  }

  int rowsOf(int tile) {
    return Math.min(tileRows, rows - firstRow(tile));
  }

  int columnsOf(int tile) {
    return Math.min(tileColumns, columns - firstColumn(tile));
  }

  static int ceilDivide(int a, int b) {
    return (a + b - 1) / b;
  }

  private static int roundUp(int a, int multiple) {
    return ceilDivide(a, multiple) * multiple;
  }
}
