package dev.bellows.parallelism;

import dev.bellows.parallelism.OperationNumbers.Kind;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Device;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/// Operations that all ranks of a group enter together, in the same order and with equal shapes, and messages between two of them.
///
/// The first `Collectives` of a [Transport] is over all its ranks; [#group] makes others over some of them, on the same links. Ranks are
/// those of the group, 0 to [#worldSize] - 1, except in errors and for the [WaitGuard], which count in the whole world.
///
/// Each call blocks until this rank's part is done; while it waits it asks the [WaitGuard] with the peer it waits for. Every chunk carries
/// the group, kind and number of the operation, so a rank that left the common order is an [IllegalStateException] that names it. Tensors
/// are borrowed for the call and must be in host memory; those of one call must not overlap unless it says so. Nothing is allocated per
/// call once buffers have grown, except by [#allGather(double\[\])].
///
/// Two ranks that share several groups enter the collectives of all of them in one common order. Messages stand beside that order: each
/// ordered pair of ranks numbers its own, and a message may wait at its receiver while collectives go on, but a receiver takes it before
/// any collective that the sender entered before sending.
///
/// Errors: [PeerLostException] when the transport knows that a peer is gone, and whatever the guard throws; the outputs are then undefined
/// and the transport must be closed. [IllegalArgumentException] for tensors that do not fit, before anything is sent. Threads: one at a
/// time for all groups of a transport.
public final class Collectives {
  private final Links links;
  private final WaitGuard guard;
  private final int[] worldRanks;
  private final int rank;
  private final OperationNumbers numbers;
  private final TreeReduce reduce;
  private final BlockExchange blocks;
  private final RecordExchange records;
  private final PointToPoint messages;
  private final CombinePlan rankOrder;
  private MemorySegment[] terms = new MemorySegment[1];

  /// Collectives over all ranks of `transport`, which stays the caller's to close. One for the life of a transport: it keeps the messages that
  /// nobody has received yet.
  public Collectives(Transport transport, WaitGuard guard) {
    this(new Links(transport), guard, allRanks(transport.worldSize()));
  }

  private Collectives(Links links, WaitGuard guard, int[] worldRanks) {
    this(
        links,
        guard,
        worldRanks,
        new PointToPoint(links, new PeerWait(links, worldRanks, guard)),
        links,
        new OperationNumbers(0, worldRanks));
  }

  private Collectives(
      Links links,
      WaitGuard guard,
      int[] worldRanks,
      PointToPoint messages,
      Transport transport,
      OperationNumbers numbers) {
    PeerWait wait = new PeerWait(links, worldRanks, guard);
    this.links = links;
    this.guard = guard;
    this.worldRanks = worldRanks;
    this.rank = transport.rank();
    this.numbers = numbers;
    this.reduce = new TreeReduce(transport, wait);
    this.blocks = new BlockExchange(transport, wait);
    this.records = new RecordExchange(transport, wait);
    this.messages = messages;
    this.rankOrder = CombinePlan.rankOrder(worldRanks.length);
  }

  private static int[] allRanks(int world) {
    int[] ranks = new int[world];
    Arrays.setAll(ranks, i -> i);
    return ranks;
  }

  /// The group of these ranks of this group, this rank among them; `ranks[i]` is rank i of it. All ranks of a transport make their groups in
  /// the same order, for example one per mesh axis, also where a group has one rank only: a group's number is how many this rank made
  /// before, and members whose numbers or ranks differ are an [IllegalStateException] at their first operation. Makes buffers: keep the group.
  /// Errors: [IllegalArgumentException] unless `ranks` are ranks of this group, each once, and this rank is one of them.
  public Collectives group(int... ranks) {
    int[] members = new int[ranks.length];
    for (int i = 0; i < ranks.length; i++) {
      members[i] = worldRanks[requireRank(ranks[i])];
    }
    GroupTransport transport = new GroupTransport(links, members);
    return new Collectives(
        links,
        guard,
        members,
        messages,
        transport,
        new OperationNumbers(links.nextGroup(), members));
  }

  private int requireRank(int peer) {
    if (peer < 0 || peer >= worldRanks.length) {
      throw new IllegalArgumentException(
          "rank " + peer + " is not one of the " + worldRanks.length + " ranks of the group");
    }
    return peer;
  }

  /// This rank.
  public int rank() {
    return rank;
  }

  /// Number of ranks.
  public int worldSize() {
    return worldRanks.length;
  }

  /// Sums all ranks' terms of `tree` in the tree's order and leaves the root on every rank: the same bits at every world size.
  /// Shapes: `terms`, one per [BatchTree#terms] of this rank in that order, and `out` all [N], F32; the last term may be `out`.
  /// Cost: per rank (p - 1) / p of the bytes of its terms, and as much of the sum; direct reduce-scatter, overlapped with the all-gather.
  /// Memory: at most log2(groups) + 1 transport chunks.
  public void treeAllReduce(BatchTree tree, List<Tensor> terms, Tensor out) {
    requireTree(tree);
    allReduce(tree.plan(), terms, out);
  }

  private void requireTree(BatchTree tree) {
    if (tree.worldSize() != worldSize()) {
      throw new IllegalArgumentException(
          "the tree is for " + tree.worldSize() + " ranks but the group has " + worldSize());
    }
  }

  /// Sums `x` over the ranks in rank order and leaves the sum in `x` on every rank. Shape: [N], F32.
  public void allReduceSum(Tensor x) {
    MemorySegment sum = floats(x);
    reduce.allReduce(numbers.next(Kind.ALL_REDUCE), rankOrder, only(sum), sum);
  }

  void allReduce(CombinePlan plan, List<Tensor> terms, Tensor out) {
    MemorySegment sum = floats(out);
    MemorySegment[] parts = floats(terms);
    reduce.allReduce(numbers.next(Kind.ALL_REDUCE), plan, parts, sum);
  }

  /// Sums `in` over the ranks in rank order, with the bits of [#allReduceSum], and leaves to each rank its own slice of the sum.
  /// Shapes: `in` [slices.total()], `out` [length of this rank's slice], F32; `out` may be this rank's slice of `in`.
  /// Cost: sends all of `in` but the own slice, in one hop; the owner of a slice adds the others' parts straight from the receive buffers.
  public void reduceScatter(Tensor in, Slices slices, Tensor out) {
    requireTotal("in", in, slices);
    requireSlice("out", out, slices);
    MemorySegment[] term = only(floats(in));
    MemorySegment slice = floats(out);
    reduce.reduceScatter(numbers.next(Kind.REDUCE_SCATTER), rankOrder, term, slices, slice);
  }

  /// Sums all ranks' terms of `tree` in the tree's order, with the bits of [#treeAllReduce], and leaves to each rank its own slice of the root.
  /// Shapes: each of `terms` [slices.total()], `out` [length of this rank's slice], F32; `out` may be this rank's slice of any term.
  public void treeReduceScatter(BatchTree tree, List<Tensor> terms, Slices slices, Tensor out) {
    requireTree(tree);
    reduceScatter(tree.plan(), terms, slices, out);
  }

  void reduceScatter(CombinePlan plan, List<Tensor> terms, Slices slices, Tensor out) {
    requireSlice("out", out, slices);
    MemorySegment[] parts = floats(terms);
    MemorySegment slice = floats(out);
    reduce.reduceScatter(numbers.next(Kind.REDUCE_SCATTER), plan, parts, slices, slice);
  }

  /// Gives every rank all slices of `all`, of which this rank brings `mine`. Any dtype. Shapes: `mine` [length of this rank's slice], `all`
  /// [slices.total()]; `mine` may be this rank's slice of `all`. Cost: sends (p - 1) times the bytes of `mine`, in one hop.
  public void allGather(Tensor mine, Slices slices, Tensor all) {
    requireSlice("mine", mine, slices);
    requireTotal("all", all, slices);
    requireSameType(mine, all);
    MemorySegment from = host(mine);
    MemorySegment to = host(all);
    blocks.allGather(numbers.next(Kind.ALL_GATHER), from, slices, mine.dtype().bytes(), to);
  }

  /// Sends slice r of `in` to rank r and receives into slice r of `out` what rank r has for this one. Any dtype. Shapes: `in` [send.total()],
  /// `out` [receive.total()]; what rank a sends to b has the length that b receives from a, and `send` and `receive` agree on this rank's own
  /// slice, which is copied. Cost: one hop.
  public void allToAll(Tensor in, Slices send, Tensor out, Slices receive) {
    requireTotal("in", in, send);
    requireTotal("out", out, receive);
    requireSameType(in, out);
    if (send.length(rank) != receive.length(rank)) {
      throw new IllegalArgumentException(
          "rank "
              + rank
              + " sends itself "
              + send.length(rank)
              + " elements but receives "
              + receive.length(rank));
    }
    MemorySegment from = host(in);
    MemorySegment to = host(out);
    blocks.allToAll(numbers.next(Kind.ALL_TO_ALL), from, send, to, receive, in.dtype().bytes());
  }

  /// Copies `x` of rank `root` to all other ranks. Any dtype. Cost: the root sends (p - 1) · N bytes.
  public void broadcast(Tensor x, int root) {
    MemorySegment copied = host(x);
    requireRank(root);
    blocks.broadcast(numbers.next(Kind.BROADCAST), copied, root);
  }

  /// Sends `x` to rank `peer`, which takes it by [#receive]. Any dtype. Returns when `x` has left and may be changed, which does not wait for
  /// `peer` to ask for it, only for room or for the next time that `peer` waits for anything; so two ranks may send to each other first
  /// and receive then. Messages of one rank to another arrive in the order in which they were sent.
  public void send(Tensor x, int peer) {
    messages.send(host(x), worldRanks[requireRank(peer)]);
  }

  /// Fills `x` with the next message of rank `peer`. Any dtype; the sizes must be equal. Copied once straight from the receive buffer when this
  /// rank was not waiting for something else while the message arrived, twice otherwise. Errors: [IllegalStateException] that names message and
  /// peer when its size is another, or when the peer has entered a collective instead of sending.
  public void receive(Tensor x, int peer) {
    messages.receive(host(x), worldRanks[requireRank(peer)]);
  }

  /// Returns when all ranks have entered.
  public void barrier() {
    records.run(numbers.next(Kind.BARRIER), MemorySegment.NULL);
  }

  /// Gives every rank every rank's `mine`, bit for bit, indexed by rank. Lengths may differ; meant for small records.
  public double[][] allGather(double[] mine) {
    MemorySegment[] others = records.run(numbers.next(Kind.RECORDS), MemorySegment.ofArray(mine));
    double[][] all = new double[worldSize()][];
    for (int peer = 0; peer < all.length; peer++) {
      all[peer] = peer == rank ? mine.clone() : others[peer].toArray(ValueLayout.JAVA_DOUBLE);
    }
    return all;
  }

  private void requireSlice(String name, Tensor x, Slices slices) {
    requireRanks(slices);
    if (x.elements() != slices.length(rank)) {
      throw new IllegalArgumentException(
          name
              + " is "
              + x
              + " but the slice of rank "
              + rank
              + " has "
              + slices.length(rank)
              + " elements");
    }
  }

  private void requireTotal(String name, Tensor x, Slices slices) {
    requireRanks(slices);
    if (x.elements() != slices.total()) {
      throw new IllegalArgumentException(
          name + " is " + x + " but the slices have " + slices.total() + " elements together");
    }
  }

  private void requireRanks(Slices slices) {
    if (slices.ranks() != worldSize()) {
      throw new IllegalArgumentException(
          "the slices are for " + slices.ranks() + " ranks but the group has " + worldSize());
    }
  }

  private static void requireSameType(Tensor a, Tensor b) {
    if (a.dtype() != b.dtype()) {
      throw new IllegalArgumentException(a + " and " + b + " must have one dtype");
    }
  }

  /// The terms as segments in an array that is used again.
  private MemorySegment[] floats(List<Tensor> tensors) {
    if (terms.length != tensors.size()) {
      terms = new MemorySegment[tensors.size()];
    }
    for (int i = 0; i < terms.length; i++) {
      terms[i] = floats(tensors.get(i));
    }
    return terms;
  }

  private MemorySegment[] only(MemorySegment term) {
    if (terms.length != 1) {
      terms = new MemorySegment[1];
    }
    terms[0] = term;
    return terms;
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
}
