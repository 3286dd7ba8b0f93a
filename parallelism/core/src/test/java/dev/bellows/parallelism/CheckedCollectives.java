package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Runs operations of one rank on data that every rank can compute, and compares the results with what plain loops say they must be.
/// `salt` is a number that all ranks of the operation pass alike.
final class CheckedCollectives {
  private static final byte UNTOUCHED = 0x55;

  private final Collectives collectives;
  private final Backend backend;
  private final int rank;
  private final int world;

  CheckedCollectives(Collectives collectives, Backend backend) {
    this.collectives = collectives;
    this.backend = backend;
    this.rank = collectives.rank();
    this.world = collectives.worldSize();
  }

  Collectives collectives() {
    return collectives;
  }

  private static long mix(long a, long b, long c) {
    long z = a * 0x9e37_79b9_7f4a_7c15L + b * 0xbf58_476d_1ce4_e5b9L + c;
    z = (z ^ (z >>> 30)) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d0_49bb_1331_11ebL;
    return z ^ (z >>> 31);
  }

  /// Element `i` of what `rank` brings to a sum: values whose sum depends on the order of the additions.
  static float term(long salt, int rank, long i) {
    long bits = mix(salt, rank, i);
    return (int) bits * Math.scalb(1f, (int) (bits >>> 32 & 31) - 40);
  }

  private static void fill(MemorySegment x, long salt, int rank) {
    for (long i = 0; i < x.byteSize(); i++) {
      x.set(JAVA_BYTE, i, (byte) mix(salt, rank, i));
    }
  }

  /// Whether `bytes` bytes of `x` from `at` on are what `rank` has from `from` on.
  private void require(
      String what, MemorySegment x, long at, long bytes, long salt, int rank, long from) {
    for (long i = 0; i < bytes; i++) {
      if (x.get(JAVA_BYTE, at + i) != (byte) mix(salt, rank, from + i)) {
        throw failure(what + ", byte " + i + " of " + bytes + " from rank " + rank, salt);
      }
    }
  }

  private AssertionError failure(String what, long salt) {
    return new AssertionError(
        "rank " + this.rank + " of " + world + ", salt " + salt + ": wrong " + what);
  }

  private Tensor tensor(DType dtype, long elements) {
    Tensor x = backend.allocate(dtype, Shape.of(elements), Category.COMMUNICATION);
    x.segment().fill(UNTOUCHED);
    return x;
  }

  private Tensor terms(long elements, long salt, int member) {
    Tensor x = tensor(DType.F32, elements);
    for (long i = 0; i < elements; i++) {
      x.segment().setAtIndex(JAVA_FLOAT, i, term(salt, member, i));
    }
    return x;
  }

  private float sum(long salt, long i) {
    float sum = term(salt, 0, i);
    for (int peer = 1; peer < world; peer++) {
      sum += term(salt, peer, i);
    }
    return sum;
  }

  private void requireSum(String what, Tensor x, long i, float expected, long salt) {
    if (Float.floatToRawIntBits(x.segment().getAtIndex(JAVA_FLOAT, i))
        != Float.floatToRawIntBits(expected)) {
      throw failure(what + ", element " + i + " of " + x, salt);
    }
  }

  void allReduce(long elements, long salt) {
    try (Tensor x = terms(elements, salt, rank)) {
      collectives.allReduceSum(x);
      for (long i = 0; i < elements; i++) {
        requireSum("all-reduce", x, i, sum(salt, i), salt);
      }
    }
  }

  void reduceScatter(Slices slices, long salt) {
    long start = slices.start(rank);
    long length = slices.length(rank);
    try (Tensor in = terms(slices.total(), salt, rank);
        Tensor out = tensor(DType.F32, length);
        Tensor all = terms(slices.total(), salt, rank)) {
      collectives.reduceScatter(in, slices, out);
      collectives.allReduceSum(all);
      String what = "reduce-scatter of " + slices;
      for (long i = 0; i < length; i++) {
        requireSum(what, out, i, sum(salt, start + i), salt);
        float same = all.segment().getAtIndex(JAVA_FLOAT, start + i);
        requireSum("bits beside all-reduce", out, i, same, salt);
      }
      for (long i = 0; i < slices.total(); i++) {
        requireSum("input after reduce-scatter", in, i, term(salt, rank, i), salt);
      }
      collectives.reduceScatter(in, slices, in.slice(start, length));
      for (long i = 0; i < slices.total(); i++) {
        boolean own = i >= start && i < start + length;
        float expected = own ? sum(salt, i) : term(salt, rank, i);
        requireSum("reduce-scatter in place", in, i, expected, salt);
      }
    }
  }

  /// The tree's sum over groups by its definition.
  static float treeSum(long salt, int first, int groups, long i) {
    return groups == 1
        ? term(salt, first, i)
        : treeSum(salt, first, groups / 2, i) + treeSum(salt, first + groups / 2, groups / 2, i);
  }

  void treeReduceScatter(Slices slices, long salt) {
    BatchTree tree = new BatchTree(8, world);
    List<Tensor> terms = new ArrayList<>();
    for (BatchTree.Term term : tree.terms(rank)) {
      Tensor x = tensor(DType.F32, slices.total());
      for (long i = 0; i < slices.total(); i++) {
        float sum = treeSum(salt, term.firstGroup(), term.groups(), i);
        x.segment().setAtIndex(JAVA_FLOAT, i, sum);
      }
      terms.add(x);
    }
    try (Tensor out = tensor(DType.F32, slices.length(rank))) {
      collectives.treeReduceScatter(tree, terms, slices, out);
      String what = "tree reduce-scatter of " + slices;
      for (long i = 0; i < out.elements(); i++) {
        float root = treeSum(salt, 0, 8, slices.start(rank) + i);
        requireSum(what, out, i, root, salt);
      }
    } finally {
      terms.forEach(Tensor::release);
    }
  }

  void allGather(DType dtype, Slices slices, long salt) {
    try (Tensor mine = tensor(dtype, slices.length(rank));
        Tensor all = tensor(dtype, slices.total());
        Tensor inPlace = tensor(dtype, slices.total())) {
      fill(mine.segment(), salt, rank);
      collectives.allGather(mine, slices, all);
      Tensor own = inPlace.slice(slices.start(rank), slices.length(rank));
      fill(own.segment(), salt, rank);
      collectives.allGather(own, slices, inPlace);
      for (int peer = 0; peer < world; peer++) {
        long at = slices.start(peer) * dtype.bytes();
        long bytes = slices.length(peer) * dtype.bytes();
        String what = "all-gather of " + dtype + " in " + slices;
        require(what, all.segment(), at, bytes, salt, peer, 0);
        require(what + " in place", inPlace.segment(), at, bytes, salt, peer, 0);
      }
      require("slice after all-gather", mine.segment(), 0, mine.bytes(), salt, rank, 0);
    }
  }

  /// `lengths[a][b]` is what rank a sends to rank b.
  void allToAll(DType dtype, long[][] lengths, long salt) {
    long[] column = new long[world];
    for (int peer = 0; peer < world; peer++) {
      column[peer] = lengths[peer][rank];
    }
    Slices send = Slices.of(lengths[rank]);
    Slices receive = Slices.of(column);
    try (Tensor in = tensor(dtype, send.total());
        Tensor out = tensor(dtype, receive.total())) {
      fill(in.segment(), salt, rank);
      collectives.allToAll(in, send, out, receive);
      for (int peer = 0; peer < world; peer++) {
        require(
            "all-to-all of " + dtype + " to " + receive,
            out.segment(),
            receive.start(peer) * dtype.bytes(),
            receive.length(peer) * dtype.bytes(),
            salt,
            peer,
            Slices.of(lengths[peer]).start(rank) * dtype.bytes());
      }
    }
  }

  void broadcast(DType dtype, long elements, int root, long salt) {
    try (Tensor x = tensor(dtype, elements)) {
      if (rank == root) {
        fill(x.segment(), salt, root);
      }
      collectives.broadcast(x, root);
      require("broadcast of " + x, x.segment(), 0, x.bytes(), salt, root, 0);
    }
  }

  void records(long salt) {
    double[][] all = collectives.allGather(record(salt, rank));
    for (int peer = 0; peer < world; peer++) {
      double[] expected = record(salt, peer);
      if (!Arrays.equals(expected, all[peer])) {
        throw failure("record of rank " + peer, salt);
      }
    }
  }

  private static double[] record(long salt, int rank) {
    double[] record = new double[(int) ((salt + rank) % 4)];
    Arrays.setAll(record, i -> salt + rank / 3.0 + i);
    return record;
  }

  void send(DType dtype, long elements, int peer, long salt) {
    try (Tensor x = tensor(dtype, elements)) {
      fill(x.segment(), salt, rank);
      collectives.send(x, peer);
      // The message must have left: changing its source may not change it.
      x.segment().fill(UNTOUCHED);
    }
  }

  void receive(DType dtype, long elements, int peer, long salt) {
    try (Tensor x = tensor(dtype, elements)) {
      collectives.receive(x, peer);
      require("message of " + x, x.segment(), 0, x.bytes(), salt, peer, 0);
    }
  }
}
