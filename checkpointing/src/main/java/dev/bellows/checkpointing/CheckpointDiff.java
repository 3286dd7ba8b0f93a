package dev.bellows.checkpointing;

import dev.bellows.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// Compares two checkpoints tensor by tensor, however each is cut into pieces. Memory: two tiles of 16 MiB and the readers' chunks.
public final class CheckpointDiff {
  private static final long TILE = 16L << 20;

  /// How a tensor compares.
  public enum Outcome {
    /// Bit for bit equal.
    EQUAL,
    /// Some elements differ in a bit.
    DIFFERENT,
    /// Another dtype or shape.
    OTHER_SHAPE,
    /// Only the first has it.
    ONLY_FIRST,
    /// Only the second has it.
    ONLY_SECOND
  }

  /// One tensor's result.
  ///
  /// @param name logical name
  /// @param outcome how it compares
  /// @param firstDifference index of the first element that differs, along each dim; empty unless DIFFERENT
  /// @param differing how many elements differ in a bit
  /// @param maxAbsDifference largest absolute difference of two elements; NaN when a NaN meets another value
  public record TensorDifference(
      String name,
      Outcome outcome,
      List<Long> firstDifference,
      long differing,
      double maxAbsDifference) {}

  /// The whole comparison.
  ///
  /// @param tensors one entry per name, in the first's order, then those that only the second has
  /// @param trainerEqual whether the trainer states are equal
  /// @param configEqual whether the configurations are equal
  public record Result(List<TensorDifference> tensors, boolean trainerEqual, boolean configEqual) {
    /// Whether all tensors are there twice and equal bit for bit.
    public boolean tensorsEqual() {
      return tensors.stream().allMatch(tensor -> tensor.outcome() == Outcome.EQUAL);
    }
  }

  private CheckpointDiff() {}

  /// Compares `first` with `second`. Both stay open.
  public static Result diff(CheckpointReader first, CheckpointReader second) throws IOException {
    Set<String> names = new LinkedHashSet<>();
    first.manifest().tensors().forEach(tensor -> names.add(tensor.name()));
    second.manifest().tensors().forEach(tensor -> names.add(tensor.name()));
    List<TensorDifference> differences = new ArrayList<>();
    for (String name : names) {
      differences.add(diff(name, first, second));
    }
    return new Result(
        List.copyOf(differences),
        first.manifest().trainer().equals(second.manifest().trainer()),
        first.manifest().content().config().equals(second.manifest().content().config()));
  }

  private static TensorDifference diff(String name, CheckpointReader first, CheckpointReader second)
      throws IOException {
    if (!first.has(name) || !second.has(name)) {
      return result(name, first.has(name) ? Outcome.ONLY_FIRST : Outcome.ONLY_SECOND);
    }
    LogicalTensor tensor = first.tensor(name);
    LogicalTensor other = second.tensor(name);
    if (tensor.dtype() != other.dtype() || !tensor.shape().equals(other.shape())) {
      return result(name, Outcome.OTHER_SHAPE);
    }
    Tally tally = new Tally(tensor.dtype());
    for (Block tile : Tiles.of(tensor, TILE)) {
      try (Arena arena = Arena.ofConfined()) {
        long bytes = tile.elements() * tensor.dtype().bytes();
        MemorySegment a = arena.allocate(bytes, 8);
        MemorySegment b = arena.allocate(bytes, 8);
        first.read(tile, a);
        second.read(tile, b);
        tally.add(tile, a, b);
      }
    }
    return tally.differing == 0
        ? result(name, Outcome.EQUAL)
        : new TensorDifference(
            name, Outcome.DIFFERENT, tally.first, tally.differing, tally.largest);
  }

  private static TensorDifference result(String name, Outcome outcome) {
    return new TensorDifference(name, outcome, List.of(), 0, 0);
  }

  private static final class Tally {
    private final DType dtype;
    private List<Long> first = List.of();
    private long differing;
    private double largest;

    Tally(DType dtype) {
      this.dtype = dtype;
    }

    void add(Block tile, MemorySegment a, MemorySegment b) {
      if (a.mismatch(b) == -1) {
        return;
      }
      int size = dtype.bytes();
      for (long i = 0; i < tile.elements(); i++) {
        if (bits(a, i, size) == bits(b, i, size)) {
          continue;
        }
        if (differing++ == 0) {
          first = index(tile, i);
        }
        // Math.max keeps a NaN
        largest = Math.max(largest, Math.abs(value(a, i) - value(b, i)));
      }
    }

    private static long bits(MemorySegment segment, long i, int size) {
      return switch (size) {
        case 1 -> segment.get(ValueLayout.JAVA_BYTE, i);
        case 2 -> segment.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i);
        case 4 -> segment.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
        default -> segment.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i);
      };
    }

    private double value(MemorySegment segment, long i) {
      long bits = bits(segment, i, dtype.bytes());
      return switch (dtype) {
        case F64 -> Double.longBitsToDouble(bits);
        case F32 -> Float.intBitsToFloat((int) bits);
        case BF16 -> Float.intBitsToFloat((int) bits << 16);
        case F16 -> Float.float16ToFloat((short) bits);
        case I64, I32 -> bits;
        case U8, BOOL -> bits & 0xFF;
      };
    }

    private static List<Long> index(Block tile, long flat) {
      Long[] index = new Long[tile.rank()];
      for (int d = tile.rank() - 1; d >= 0; d--) {
        index[d] = tile.start(d) + flat % tile.extent(d);
        flat /= tile.extent(d);
      }
      return Arrays.asList(index);
    }
  }
}
