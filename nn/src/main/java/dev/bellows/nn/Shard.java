package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import java.util.List;

/// The part of a parameter that one tensor rank holds: runs along one dim, whole along the others. In the shard the runs lie one behind the other.
///
/// @param shape of the whole parameter
/// @param dim along which it is cut
/// @param pieces the runs, ascending and apart
public record Shard(Shape shape, int dim, List<Piece> pieces) {
  /// A run of indices along the dim.
  ///
  /// @param start first index
  /// @param extent number of indices
  /// @param copy which of the equal copies this is, from 0; a norm over the whole parameter counts copy 0 only
  /// @param copies tensor ranks that hold this run
  public record Piece(long start, long extent, int copy, int copies) {
    /// One past the last index.
    public long end() {
      return start + extent;
    }
  }

  public Shard {
    pieces = List.copyOf(pieces);
    long end = 0;
    for (Piece piece : pieces) {
      if (piece.start() < end || piece.extent() < 0 || piece.end() > shape.dim(dim)) {
        throw new IllegalArgumentException(
            "pieces " + pieces + " do not lie in order inside dim " + dim + " of " + shape);
      }
      end = piece.end();
    }
  }

  /// All of a parameter, as tensor rank `rank` of `degree` holds it.
  public static Shard whole(Shape shape, int rank, int degree) {
    return new Shard(shape, 0, List.of(new Piece(0, shape.dim(0), rank, degree)));
  }

  /// Shape of what the rank holds.
  public Shape localShape() {
    long[] dims = shape.dims();
    dims[dim] = pieces.stream().mapToLong(Piece::extent).sum();
    return Shape.of(dims);
  }

  /// What is done with a run of neighbouring elements.
  @FunctionalInterface
  public interface Run {
    /// `extent` elements from element `local` of the shard on are those from element `logical` of the whole parameter on, both counted row by row.
    void visit(long local, long logical, long extent);
  }

  /// Hands over the elements of the shard in order, in runs that lie together in the whole parameter too.
  public void forEachRun(Run run) {
    long outer = 1;
    long inner = 1;
    for (int d = 0; d < shape.rank(); d++) {
      if (d < dim) {
        outer *= shape.dim(d);
      } else if (d > dim) {
        inner *= shape.dim(d);
      }
    }
    long local = 0;
    for (long row = 0; row < outer; row++) {
      for (Piece piece : pieces) {
        long logical = (row * shape.dim(dim) + piece.start()) * inner;
        run.visit(local, logical, piece.extent() * inner);
        local += piece.extent() * inner;
      }
    }
  }

  /// Whether it is all of the parameter.
  public boolean isWhole() {
    return localShape().equals(shape);
  }
}
