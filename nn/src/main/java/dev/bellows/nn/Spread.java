package dev.bellows.nn;

import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// How a value [rows, width] is spread over the tensor ranks.
///
/// @param layout whole, or what is split
/// @param rows of all ranks together
/// @param width of all ranks together
/// @param columns this rank's runs of columns, which lie one behind the other; empty unless the layout is [Layout#COLUMNS]
record Spread(Layout layout, long rows, long width, List<Run> columns) {
  /// A run of columns.
  record Run(long start, long extent) {}

  Spread {
    columns = List.copyOf(columns);
  }

  /// That of a tensor of which every rank has all.
  static Spread whole(Tensor x) {
    int rank = x.shape().rank();
    return whole(rank == 0 ? 1 : x.shape().dim(0), rank == 0 ? 1 : x.shape().dim(-1));
  }

  static Spread whole(long rows, long width) {
    return new Spread(Layout.WHOLE, rows, width, List.of());
  }

  static Spread rows(long rows, long width) {
    return new Spread(Layout.ROWS, rows, width, List.of());
  }

  static Spread columns(long rows, long width, List<Run> columns) {
    return new Spread(Layout.COLUMNS, rows, width, columns);
  }

  /// The runs of a shard along its dim.
  static List<Run> runs(Shard shard) {
    return shard.pieces().stream().map(piece -> new Run(piece.start(), piece.extent())).toList();
  }

  boolean isColumns() {
    return layout == Layout.COLUMNS;
  }

  boolean isRows() {
    return layout == Layout.ROWS;
  }

  /// The same rows with other columns, none of them split.
  Spread withWidth(long other) {
    return new Spread(layout, rows, other, List.of());
  }

  /// This rank's runs among the columns from `from` to before `to`, counted from `from`.
  List<Run> clip(long from, long to) {
    List<Run> inside = new ArrayList<>();
    for (Run run : columns) {
      long start = Math.max(run.start(), from);
      long end = Math.min(run.start() + run.extent(), to);
      if (start < end) {
        inside.add(new Run(start - from, end - start));
      }
    }
    return inside;
  }

  /// Columns of these runs together.
  static long extent(List<Run> runs) {
    return runs.stream().mapToLong(Run::extent).sum();
  }
}
