package dev.bellows.parallelism;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Device;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/// Operations that all ranks of a [Transport] enter together, in the same order and with equal shapes.
///
/// Each call blocks until this rank's part is done; while it waits it asks the [WaitGuard] with the peer it waits for. Every chunk carries
/// the number of the operation, so a rank that left the common order is an [IllegalStateException] that names it. Tensors are borrowed
/// for the call and must be in host memory. Errors: [PeerLostException] when the transport knows that a peer is gone, and whatever the
/// guard throws; the outputs are then undefined and the transport must be closed. Threads: one at a time.
public final class Collectives {
  private final Transport transport;
  private final PeerWait wait;
  private final TreeReduce reduce;
  private final Exchange exchange;
  private final CombinePlan rankOrder;
  private long operation;

  /// Collectives over `transport`, which stays the caller's to close.
  public Collectives(Transport transport, WaitGuard guard) {
    this.transport = transport;
    this.wait = new PeerWait(transport, guard);
    this.reduce = new TreeReduce(transport, wait);
    this.exchange = new Exchange(transport, wait);
    this.rankOrder = CombinePlan.rankOrder(transport.worldSize());
  }

  /// This rank.
  public int rank() {
    return transport.rank();
  }

  /// Number of ranks.
  public int worldSize() {
    return transport.worldSize();
  }

  /// Sums all ranks' terms of `tree` in the tree's order and leaves the root on every rank: the same bits at every world size.
  /// Shapes: `terms`, one per [BatchTree#terms] of this rank in that order, and `out` all [N], F32; the last term may be `out`.
  /// Cost: per rank (p - 1) / p of the bytes of its terms, and as much of the sum; direct reduce-scatter, overlapped with the all-gather.
  /// Memory: at most log2(groups) + 1 transport chunks.
  public void treeAllReduce(BatchTree tree, List<Tensor> terms, Tensor out) {
    if (tree.worldSize() != worldSize()) {
      throw new IllegalArgumentException(
          "the tree is for " + tree.worldSize() + " ranks but the transport has " + worldSize());
    }
    allReduce(tree.plan(), terms, out);
  }

  /// Sums `x` over the ranks in rank order and leaves the sum in `x` on every rank. Shape: [N], F32.
  public void allReduceSum(Tensor x) {
    allReduce(rankOrder, List.of(x), x);
  }

  void allReduce(CombinePlan plan, List<Tensor> terms, Tensor out) {
    MemorySegment[] segments = new MemorySegment[terms.size()];
    MemorySegment sum = floats(out);
    for (int i = 0; i < segments.length; i++) {
      // The same segment object, so that a term that is the output is seen to be.
      segments[i] = terms.get(i) == out ? sum : floats(terms.get(i));
    }
    reduce.run(++operation, plan, segments, sum);
  }

  private static MemorySegment floats(Tensor x) {
    if (x.dtype() != DType.F32) {
      throw new IllegalArgumentException("sums over ranks take F32 tensors, not " + x);
    }
    return host(x);
  }

  private static MemorySegment host(Tensor x) {
    if (!x.storage().device().equals(Device.HOST)) {
      throw new IllegalArgumentException(
          "collectives take tensors in host memory; " + x + " is on " + x.storage().device());
    }
    return x.segment();
  }

  /// Copies `x` of rank `root` to all other ranks. Any dtype. Cost: the root sends (p - 1) · N bytes.
  public void broadcast(Tensor x, int root) {
    exchange.broadcast(++operation, host(x), root);
  }

  /// Returns when all ranks have entered.
  public void barrier() {
    exchange.allToAll(++operation, MemorySegment.NULL);
  }

  /// Gives every rank every rank's `mine`, bit for bit, indexed by rank. Lengths may differ; meant for small records.
  public double[][] allGather(double[] mine) {
    MemorySegment[] records = exchange.allToAll(++operation, MemorySegment.ofArray(mine));
    double[][] all = new double[worldSize()][];
    for (int peer = 0; peer < all.length; peer++) {
      all[peer] = peer == rank() ? mine.clone() : records[peer].toArray(ValueLayout.JAVA_DOUBLE);
    }
    return all;
  }
}
