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
  static final int VERSION = 4;

  /// Operations below which one more tile costs more than it brings: about 50 µs of one core.
  private static final double TILE_FLOPS = 8e6;

  private static final int TILES = 32;

  /// Columns that a tile keeps if it can: narrower ones read too much of the other operand for what they compute.
  private static final int PANEL = 128;

  private static final int LEAST_ROWS = 64;
  private static final int LEAST_COLUMNS = 64;

  /// Tiles as square as can be, so that operands are packed as few times as can be: the longer side is halved until there are enough,
  /// columns only while they are wide.
  static TileGrid of(int m, int n, int k) {
    int wanted = (int) Math.clamp(2.0 * m * n * k / TILE_FLOPS, 1, TILES);
    int tileRows = m;
    int tileColumns = n;
    while (ceilDivide(m, tileRows) * ceilDivide(n, tileColumns) < wanted) {
      boolean narrow = tileColumns <= PANEL || tileColumns <= tileRows;
      if (narrow && tileRows > LEAST_ROWS) {
        tileRows = roundUp(ceilDivide(tileRows, 2), 16);
      } else if (tileColumns > LEAST_COLUMNS) {
        tileColumns = roundUp(ceilDivide(tileColumns, 2), 16);
      } else {
        break;
      }
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
