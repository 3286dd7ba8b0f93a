package dev.bellows.parallelism;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// The ranks of a run as a grid of four axes; rank = ((pipeline · data + d) · context + c) · tensor + t of the coordinates. Immutable.
///
/// @param pipeline stages, 1 or more
/// @param data ranks with the same weights, 1 or more
/// @param context parts of a sequence, 1 or more
/// @param tensor parts of a layer, 1 or more
public record Mesh(int pipeline, int data, int context, int tensor) {
  /// A rank's place, each coordinate from 0 to the axis' degree - 1.
  public record Coordinates(int pipeline, int data, int context, int tensor) {
    /// The coordinate along `axis`.
    public int along(MeshAxis axis) {
      return switch (axis) {
        case PIPELINE -> pipeline;
        case DATA -> data;
        case CONTEXT -> context;
        case TENSOR -> tensor;
      };
    }

    /// The same place but for one coordinate.
    public Coordinates with(MeshAxis axis, int coordinate) {
      return new Coordinates(
          axis == MeshAxis.PIPELINE ? coordinate : pipeline,
          axis == MeshAxis.DATA ? coordinate : data,
          axis == MeshAxis.CONTEXT ? coordinate : context,
          axis == MeshAxis.TENSOR ? coordinate : tensor);
    }
  }

  public Mesh {
    if (pipeline < 1 || data < 1 || context < 1 || tensor < 1) {
      throw new IllegalArgumentException(
          "each degree of a mesh must be 1 or more, not "
              + pipeline
              + ", "
              + data
              + ", "
              + context
              + ", "
              + tensor);
    }
    if ((double) pipeline * data * context * tensor > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "the degrees of a mesh multiply to more than an int holds");
    }
  }

  /// The mesh of `worldSize` ranks with these degrees; `data` 0 means what the others leave. Errors: [IllegalArgumentException] in one sentence that
  /// lists what would be valid.
  public static Mesh of(int worldSize, int pipeline, int data, int context, int tensor) {
    long others = (long) pipeline * context * tensor;
    long product = others * Math.max(1, data);
    if (data == 0 ? worldSize % others != 0 : product != worldSize) {
      throw new IllegalArgumentException(refusal(worldSize, pipeline, data, context, tensor));
    }
    return new Mesh(pipeline, (int) (worldSize / others), context, tensor);
  }

  private static String refusal(int worldSize, int... degrees) {
    int data = degrees[MeshAxis.DATA.ordinal()];
    List<String> asked = new ArrayList<>();
    List<String> valid = new ArrayList<>();
    long product = 1;
    for (MeshAxis axis : MeshAxis.values()) {
      int degree = degrees[axis.ordinal()];
      if (degree > 0) {
        asked.add(axis.key() + " " + degree);
        product *= degree;
      }
    }
    for (MeshAxis axis : MeshAxis.values()) {
      int degree = degrees[axis.ordinal()];
      long rest = product / Math.max(1, degree);
      // An axis of degree 1 is one that nobody asked for, so no advice to raise it.
      if ((degree > 1 || axis == MeshAxis.DATA && data > 0) && worldSize % rest == 0) {
        valid.add(axis.key() + " " + (data == 0 ? divisors(worldSize / rest) : worldSize / rest));
      }
    }
    long below = worldSize / product * product;
    valid.add(
        "workers.count "
            + (data > 0 ? "" : below > 0 ? below + " or " : "")
            + (data > 0 ? product : below + product));
    return String.join(" · ", asked)
        + " = "
        + product
        + (data > 0 ? " is not " : " does not divide ")
        + "the number of workers, "
        + worldSize
        + "; valid would be "
        + String.join(", or ", valid);
  }

  private static String divisors(long value) {
    List<String> all = new ArrayList<>();
    for (long divisor = 1; divisor <= value; divisor++) {
      if (value % divisor == 0) {
        all.add(Long.toString(divisor));
      }
    }
    String last = all.removeLast();
    return all.isEmpty() ? last : String.join(", ", all) + " or " + last;
  }

  /// Number of ranks.
  public int worldSize() {
    return pipeline * data * context * tensor;
  }

  /// Number of ranks along `axis`.
  public int degree(MeshAxis axis) {
    return switch (axis) {
      case PIPELINE -> pipeline;
      case DATA -> data;
      case CONTEXT -> context;
      case TENSOR -> tensor;
    };
  }

  /// Where `rank` is.
  public Coordinates coordinates(int rank) {
    int rest = Objects.checkIndex(rank, worldSize());
    int t = rest % tensor;
    rest /= tensor;
    int c = rest % context;
    rest /= context;
    return new Coordinates(rest / data, rest % data, c, t);
  }

  /// The rank at these coordinates.
  public int rank(Coordinates at) {
    int p = Objects.checkIndex(at.pipeline(), pipeline);
    int d = Objects.checkIndex(at.data(), data);
    int c = Objects.checkIndex(at.context(), context);
    int t = Objects.checkIndex(at.tensor(), tensor);
    return ((p * data + d) * context + c) * tensor + t;
  }

  /// The ranks of the group of `rank` along `axis`, itself included, in ascending order of the coordinate and so of the rank.
  public List<Integer> group(int rank, MeshAxis axis) {
    return part(rank, axis, 0, degree(axis));
  }

  /// The ranks among which the experts that `rank` sees are spread: `expert` neighbours of its data group. Errors: [IllegalArgumentException] unless
  /// `expert` divides the data degree.
  public List<Integer> expertGroup(int rank, int expert) {
    if (expert < 1 || data % expert != 0) {
      throw new IllegalArgumentException(
          "parallel.expert is "
              + expert
              + "; experts are spread over the data axis, so it must divide the "
              + data
              + " data ranks: "
              + divisors(data));
    }
    int first = coordinates(rank).data() / expert * expert;
    return part(rank, MeshAxis.DATA, first, first + expert);
  }

  private List<Integer> part(int rank, MeshAxis axis, int from, int to) {
    Coordinates at = coordinates(rank);
    List<Integer> group = new ArrayList<>();
    for (int i = from; i < to; i++) {
      group.add(rank(at.with(axis, i)));
    }
    return List.copyOf(group);
  }
}
