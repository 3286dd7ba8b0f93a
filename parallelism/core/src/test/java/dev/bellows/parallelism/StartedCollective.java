package dev.bellows.parallelism;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// A collective that was started on data that every rank can compute, to be awaited and compared with plain loops later.
final class StartedCollective {
  /// What can be started.
  enum Kind {
    ALL_REDUCE,
    TREE_ALL_REDUCE,
    REDUCE_SCATTER,
    TREE_REDUCE_SCATTER,
    ALL_GATHER
  }

  private static final int GROUPS = 8;
  private static final float UNTOUCHED = -77;

  private final Collectives collectives;
  private final Kind kind;
  private final Slices slices;
  private final long salt;
  private final CollectiveHandle handle = new CollectiveHandle();
  private final List<Tensor> terms = new ArrayList<>();
  private final Tensor result;

  /// Starts `kind` on a tensor of `slices`.
  StartedCollective(Collectives collectives, Backend backend, Kind kind, Slices slices, long salt) {
    this.collectives = collectives;
    this.kind = kind;
    this.slices = slices;
    this.salt = salt;
    int rank = collectives.rank();
    BatchTree tree = new BatchTree(GROUPS, collectives.worldSize());
    switch (kind) {
      case ALL_REDUCE, REDUCE_SCATTER -> terms.add(filled(backend, slices.total(), rank, 0));
      case ALL_GATHER -> terms.add(filled(backend, slices.length(rank), rank, slices.start(rank)));
      case TREE_ALL_REDUCE, TREE_REDUCE_SCATTER -> {
        for (BatchTree.Term term : tree.terms(rank)) {
          Tensor x = tensor(backend, slices.total());
          for (long i = 0; i < slices.total(); i++) {
            float sum = CheckedCollectives.treeSum(salt, term.firstGroup(), term.groups(), i);
            x.segment().setAtIndex(JAVA_FLOAT, i, sum);
          }
          terms.add(x);
        }
      }
    }
    result =
        switch (kind) {
          case ALL_REDUCE, TREE_ALL_REDUCE -> terms.getLast();
          case REDUCE_SCATTER, TREE_REDUCE_SCATTER -> tensor(backend, slices.length(rank));
          case ALL_GATHER -> tensor(backend, slices.total());
        };
    Tensor first = terms.getFirst();
    switch (kind) {
      case ALL_REDUCE -> collectives.startAllReduceSum(result, handle);
      case TREE_ALL_REDUCE -> collectives.startTreeAllReduce(tree, terms, result, handle);
      case REDUCE_SCATTER -> collectives.startReduceScatter(first, slices, result, handle);
      case TREE_REDUCE_SCATTER ->
          collectives.startTreeReduceScatter(tree, terms, slices, result, handle);
      case ALL_GATHER -> collectives.startAllGather(first, slices, result, handle);
    }
  }

  private Tensor tensor(Backend backend, long elements) {
    Tensor x = backend.allocate(DType.F32, Shape.of(elements), Category.COMMUNICATION);
    backend.fill(x, UNTOUCHED);
    return x;
  }

  private Tensor filled(Backend backend, long elements, int rank, long from) {
    Tensor x = tensor(backend, elements);
    for (long i = 0; i < elements; i++) {
      x.segment().setAtIndex(JAVA_FLOAT, i, CheckedCollectives.term(salt, rank, from + i));
    }
    return x;
  }

  boolean isDone() {
    return handle.isDone();
  }

  /// Awaits, compares and frees. Errors: [AssertionError] names the first wrong element.
  void finish() {
    handle.await();
    long from = result.elements() == slices.total() ? 0 : slices.start(collectives.rank());
    for (long i = 0; i < result.elements(); i++) {
      float actual = result.segment().getAtIndex(JAVA_FLOAT, i);
      float expected = expected(from + i);
      if (Float.floatToRawIntBits(actual) != Float.floatToRawIntBits(expected)) {
        throw new AssertionError(
            kind
                + " of "
                + slices
                + ", salt "
                + salt
                + ", rank "
                + collectives.rank()
                + " of "
                + collectives.worldSize()
                + ": element "
                + (from + i)
                + " is "
                + actual
                + " instead of "
                + expected);
      }
    }
    if (!terms.contains(result)) {
      result.release();
    }
    terms.forEach(Tensor::release);
  }

  private float expected(long i) {
    return switch (kind) {
      case ALL_REDUCE, REDUCE_SCATTER -> {
        float sum = CheckedCollectives.term(salt, 0, i);
        for (int peer = 1; peer < collectives.worldSize(); peer++) {
          sum += CheckedCollectives.term(salt, peer, i);
        }
        yield sum;
      }
      case TREE_ALL_REDUCE, TREE_REDUCE_SCATTER -> CheckedCollectives.treeSum(salt, 0, GROUPS, i);
      case ALL_GATHER -> CheckedCollectives.term(salt, owner(i), i);
    };
  }

  private int owner(long i) {
    int rank = 0;
    while (slices.start(rank + 1) <= i) {
      rank++;
    }
    return rank;
  }
}
