package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// How a value [rows, width] is spread over the tensor ranks; its gradient lies likewise. Immutable.
///
/// @param layout whole, or what is split
/// @param rows of all ranks together
/// @param width of all ranks together
/// @param columns this rank's runs of columns, which lie one behind the other; empty unless the layout is [Layout#COLUMNS]
public record Spread(Layout layout, long rows, long width, List<Run> columns) {
  /// A run of columns.
  ///
  /// @param start first column
  /// @param extent number of columns
  public record Run(long start, long extent) {}

  public Spread {
    columns = List.copyOf(columns);
  }

  /// That of a value [rows, width] which one stage of a pipeline hands to the next, known on both before it is computed. `next` is the first parameter that
  /// the next stage applies, and `sharding` says what this rank of `group` holds, or would hold, of it: columns where it is split by inputs, else rows
  /// under sequence parallelism, else all.
  public static Spread handedOn(
      TensorGroup group, Sharding sharding, Parameter next, long rows, long width) {
    if (group.size() == 1) {
      return whole(rows, width);
    }
    if (sharding.split(next) == Split.ROW) {
      return columns(rows, width, runs(sharding.shard(next)));
    }
    return group.isSequence() ? rows(rows, width) : whole(rows, width);
  }

  /// Shape of what this rank of `group` has.
  public Shape localShape(TensorGroup group) {
    return switch (layout) {
      case WHOLE -> Shape.of(rows, width);
      case ROWS -> Shape.of(group.ownRows(rows), width);
      case COLUMNS -> Shape.of(rows, extent(columns));
    };
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
