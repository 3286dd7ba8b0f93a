package dev.bellows.parallelism.tensor;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.Collectives;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// The gradients that a tensor rank shares with others: what must be summed over them once a step, and what counts in a norm over all ranks.
///
/// A rank's gradient is a part of a sum in two cases. Heads of keys and values of which neighbouring ranks hold copies: each copy saw its own queries only.
/// Under sequence parallelism the parameters that every rank holds (norms, positions, biases of row-parallel layers): each rank saw its own rows only;
/// without it they are equal on all ranks already. Sums are F32, in rank order, the same bits on all ranks that share a parameter. Owns its buffers
/// until [#close]. Threads: one at a time, as the group.
public final class SharedGradients implements AutoCloseable {
  /// Elements of a parameter's local gradient.
  ///
  /// @param start first element
  /// @param extent number of elements
  public record Range(long start, long extent) {}

  private final Backend backend;
  private final List<Parameter> parameters;
  private final SharedSum everywhere;
  private final SharedSum copied;
  private final List<List<Range>> counted = new ArrayList<>();

  /// Shared gradients of the parameters that `store` has placed. Makes one group of `group`'s collectives ([Collectives#group]): all ranks construct this in
  /// one common order. Errors: [IllegalArgumentException] when parts have different numbers of copies.
  public SharedGradients(Backend backend, ParameterStore store, CollectiveTensorGroup group) {
    this.backend = backend;
    this.parameters = store.parameters();
    List<Tensor> partial = new ArrayList<>();
    List<Tensor> copies = new ArrayList<>();
    int copiesOfOne = 1;
    for (Parameter parameter : parameters) {
      counted.add(counted(parameter));
      if (group.size() > 1 && parameter.split() != Split.REPLICATED) {
        copiesOfOne = copiesOfOne(parameter, copiesOfOne);
        copies.addAll(copies(parameter));
      } else if (group.size() > 1 && group.isSequence()) {
        partial.add(parameter.gradient());
      }
    }
    Collectives sharers = group.collectives().group(sharers(group, copiesOfOne));
    this.everywhere = new SharedSum(backend, group.collectives(), partial);
    this.copied = new SharedSum(backend, sharers, copies);
  }

  /// How many ranks hold a copy of the same part: `known` where `parameter` has no copies.
  private static int copiesOfOne(Parameter parameter, int known) {
    int copies = known;
    for (Piece piece : parameter.shard().pieces()) {
      if (piece.copies() > 1 && copies > 1 && piece.copies() != copies) {
        throw new IllegalArgumentException(
            piece.copies()
                + " tensor ranks hold copies of a part of "
                + parameter
                + ", but "
                + copies
                + " of another; all should have as many");
      }
      copies = Math.max(copies, piece.copies());
    }
    return copies;
  }

  /// Ranks of the tensor axis that hold the copies that this rank holds.
  private static int[] sharers(CollectiveTensorGroup group, int copies) {
    int first = group.rank() / copies * copies;
    return IntStream.range(first, first + copies).toArray();
  }

  /// The parts of the gradient of `parameter` that other ranks have too.
  private static List<Tensor> copies(Parameter parameter) {
    List<Tensor> parts = new ArrayList<>();
    visit(
        parameter,
        (piece, start, extent) -> {
          if (piece.copies() > 1) {
            parts.add(parameter.gradient().slice(start, extent));
          }
        });
    return parts;
  }

  private static List<Range> counted(Parameter parameter) {
    List<Range> ranges = new ArrayList<>();
    Shard shard = parameter.shard();
    if (shard.pieces().stream().allMatch(piece -> piece.copy() == 0)) {
      return List.of(new Range(0, parameter.gradient().elements()));
    }
    visit(
        parameter,
        (piece, start, extent) -> {
          if (piece.copy() == 0) {
            ranges.add(new Range(start, extent));
          }
        });
    return List.copyOf(ranges);
  }

  private interface PieceVisitor {
    void visit(Piece piece, long start, long extent);
  }

  /// Visits the pieces of a shard along the first dim, with their local elements.
  private static void visit(Parameter parameter, PieceVisitor visitor) {
    Shard shard = parameter.shard();
    if (shard.dim() != 0) {
      if (shard.pieces().stream().anyMatch(piece -> piece.copies() > 1)) {
        throw new IllegalArgumentException(
            "copies of a part of "
                + parameter
                + " lie along dim "
                + shard.dim()
                + "; tensor ranks can share copies along dim 0 only");
      }
      return;
    }
    long inner = shard.shape().elements() / Math.max(1, shard.shape().dim(0));
    long start = 0;
    for (Piece piece : shard.pieces()) {
      visitor.visit(piece, start, piece.extent() * inner);
      start += piece.extent() * inner;
    }
  }

  /// Sums what is shared: afterwards every rank has the gradient of all of what it holds. Once a step, after [ParameterStore#combineUses], on all ranks.
  public void reduce() {
    everywhere.reduce();
    copied.reduce();
  }

  /// Elements that [#reduce] sums over ranks.
  public long elements() {
    return everywhere.elements() + copied.elements();
  }

  /// What this rank counts of the gradient of parameter `index` of the store, so that every element is counted on exactly one rank.
  public List<Range> counted(int index) {
    return counted.get(index);
  }

  /// The sum of squares of what this rank counts of the gradient of parameter `index`, in FP64; the squared norm of the whole gradient is the sum over the
  /// ranks, in rank order.
  public double squaredNorm(int index) {
    Tensor gradient = parameters.get(index).gradient();
    double sum = 0;
    for (Range range : counted.get(index)) {
      sum += backend.squaredNorm(gradient.slice(range.start(), range.extent()));
    }
    return sum;
  }

  /// Releases the buffers.
  @Override
  public void close() {
    everywhere.close();
    copied.close();
  }
}
