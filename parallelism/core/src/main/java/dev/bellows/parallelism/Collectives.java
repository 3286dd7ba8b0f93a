package dev.bellows.parallelism;

import dev.bellows.parallelism.OperationNumbers.Kind;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Device;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Operations that all ranks of a group enter together, in the same order and with equal shapes, and messages between two of them.
///
/// The first `Collectives` of a [Transport] is over all its ranks; [#group] makes others over some of them, on the same links. Ranks are
/// those of the group, 0 to [#worldSize] - 1, except in errors and for the [WaitGuard], which count in the whole world.
///
/// Each call blocks until this rank's part is done; while it waits it asks the [WaitGuard] with the peer it waits for. The `start…` forms
/// return at once and hand the rest to a [CollectiveHandle]: nobody works on it but this thread, when it awaits anything, asks
/// [CollectiveHandle#isDone] or calls [#progress]. Every chunk carries the group, kind and number of the operation, so a rank that left the common
/// order is an [IllegalStateException] that names it. Tensors are borrowed for the call, or until the handle is done, and must be in host memory;
/// those of one call must not overlap unless it says so. Nothing is allocated per call once buffers have grown, except by
/// [#allGather(double\[\])].
///
/// Two ranks that share several groups enter, or start, the collectives of all of them in one common order; those that share a peer run in that
/// order, others side by side. Messages stand beside that order: each ordered pair of ranks numbers its own, and a message may wait at its
/// receiver while collectives go on, but a receiver must have entered, or started, every collective that the sender entered before sending.
///
/// Errors: [PeerLostException] when the transport knows that a peer is gone, and whatever the guard throws; the outputs, and those of all that is
/// under way, are then undefined and the transport must be closed. [IllegalArgumentException] for tensors that do not fit, before anything is
/// sent. Threads: one at a time for all groups of a transport.
public final class Collectives {
  private final Links links;
  private final WaitGuard guard;
  private final int[] worldRanks;
  private final int rank;
  private final Group group;
  private final OperationNumbers numbers;
  private final OperationQueue queue;
  private final Optional<HostsFirst> hostsFirst;
  private final PointToPoint messages;
  private final CombinePlan rankOrder;
  private final CollectiveHandle blocking = new CollectiveHandle();

  /// Collectives over all ranks of `transport`, which stays the caller's to close. One for the life of a transport: it keeps the messages that
  /// nobody has received yet.
  public Collectives(Transport transport, WaitGuard guard) {
    this(new Links(transport), guard, allRanks(transport.worldSize()));
  }

  private Collectives(Links links, WaitGuard guard, int[] everybody) {
    this.links = links;
    this.guard = guard;
    this.worldRanks = everybody;
    this.rank = links.rank();
    this.group = new Group(links, everybody, links, guard);
    this.numbers = new OperationNumbers(0, everybody);
    this.queue = new OperationQueue(new PeerWait(links, everybody, guard), everybody.length);
    this.hostsFirst = HostsFirst.of(links, everybody, rank, 0, guard);
    this.messages = new PointToPoint(links, new PeerWait(links, everybody, guard), queue);
    this.rankOrder = CombinePlan.rankOrder(everybody.length);
  }

  private Collectives(Collectives parent, int[] worldRanks, GroupTransport transport, int number) {
    this.links = parent.links;
    this.guard = parent.guard;
    this.worldRanks = worldRanks;
    this.rank = transport.rank();
    this.group = new Group(links, worldRanks, transport, guard);
    this.numbers = new OperationNumbers(number, worldRanks);
    this.queue = parent.queue;
    this.hostsFirst = HostsFirst.of(links, worldRanks, rank, number, guard);
    this.messages = parent.messages;
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
    return new Collectives(this, members, transport, links.nextGroup());
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
  /// Cost: per rank (p - 1) / p of the bytes of its terms, and as much of the sum; direct reduce-scatter, overlapped with the all-gather. Where
  /// several ranks share each of several hosts, and each host's groups are one aligned subtree, the sum is made within the hosts first, so that
  /// each byte leaves a host once. Memory: at most log2(groups) + 1 transport chunks.
  public void treeAllReduce(BatchTree tree, List<Tensor> terms, Tensor out) {
    requireTree(tree);
    allReduce(tree.plan(), terms, out);
  }

  /// Starts [#treeAllReduce].
  public void startTreeAllReduce(
      BatchTree tree, List<Tensor> terms, Tensor out, CollectiveHandle handle) {
    requireTree(tree);
    startAllReduce(tree.plan(), terms, out, handle);
  }

  private void requireTree(BatchTree tree) {
    if (tree.worldSize() != worldSize()) {
      throw new IllegalArgumentException(
          "the tree is for " + tree.worldSize() + " ranks but the group has " + worldSize());
    }
  }

  /// Sums `x` over the ranks in rank order and leaves the sum in `x` on every rank. Shape: [N], F32.
  public void allReduceSum(Tensor x) {
    enterAllReduceSum(x, blocking);
    blocking.await();
  }

  /// Starts [#allReduceSum].
  public void startAllReduceSum(Tensor x, CollectiveHandle handle) {
    enterAllReduceSum(x, handle);
    queue.advance();
  }

  private void enterAllReduceSum(Tensor x, CollectiveHandle handle) {
    MemorySegment sum = floats(x);
    PendingOperation entry = entry(Kind.ALL_REDUCE, handle);
    entry.addTerm(sum, 0);
    enterAllReduce(rankOrder, sum, entry);
  }

  void allReduce(CombinePlan plan, List<Tensor> terms, Tensor out) {
    enterAllReduce(plan, terms, out, blocking);
    blocking.await();
  }

  void startAllReduce(CombinePlan plan, List<Tensor> terms, Tensor out, CollectiveHandle handle) {
    enterAllReduce(plan, terms, out, handle);
    queue.advance();
  }

  private void enterAllReduce(
      CombinePlan plan, List<Tensor> terms, Tensor out, CollectiveHandle handle) {
    MemorySegment sum = floats(out);
    requireTerms(plan, terms, sum.byteSize());
    PendingOperation entry = entry(Kind.ALL_REDUCE, handle);
    addTerms(entry, terms);
    enterAllReduce(plan, sum, entry);
  }

  private void enterAllReduce(CombinePlan plan, MemorySegment sum, PendingOperation entry) {
    entry.plan = plan;
    entry.out = sum;
    entry.bytes = sum.byteSize();
    if (hostsFirst.isPresent() && hostsFirst.get().suits(plan, entry.bytes)) {
      hostsFirst.get().enter(queue, plan, entry);
    } else {
      add(entry);
    }
  }

  /// Sums `in` over the ranks in rank order, with the bits of [#allReduceSum], and leaves to each rank its own slice of the sum.
  /// Shapes: `in` [slices.total()], `out` [length of this rank's slice], F32; `out` may be this rank's slice of `in`.
  /// Cost: sends all of `in` but the own slice, in one hop; the owner of a slice adds the others' parts straight from the receive buffers.
  public void reduceScatter(Tensor in, Slices slices, Tensor out) {
    enterReduceScatter(in, slices, out, blocking);
    blocking.await();
  }

  /// Starts [#reduceScatter].
  public void startReduceScatter(Tensor in, Slices slices, Tensor out, CollectiveHandle handle) {
    enterReduceScatter(in, slices, out, handle);
    queue.advance();
  }

  private void enterReduceScatter(Tensor in, Slices slices, Tensor out, CollectiveHandle handle) {
    requireTotal("in", in, slices);
    requireSlice("out", out, slices);
    MemorySegment term = floats(in);
    MemorySegment slice = floats(out);
    PendingOperation entry = entry(Kind.REDUCE_SCATTER, handle);
    entry.addTerm(term, 0);
    enterReduceScatter(rankOrder, slices, slice, entry);
  }

  /// Sums all ranks' terms of `tree` in the tree's order, with the bits of [#treeAllReduce], and leaves to each rank its own slice of the root.
  /// Shapes: each of `terms` [slices.total()], `out` [length of this rank's slice], F32; `out` may be this rank's slice of any term.
  public void treeReduceScatter(BatchTree tree, List<Tensor> terms, Slices slices, Tensor out) {
    requireTree(tree);
    reduceScatter(tree.plan(), terms, slices, out);
  }

  /// Starts [#treeReduceScatter].
  public void startTreeReduceScatter(
      BatchTree tree, List<Tensor> terms, Slices slices, Tensor out, CollectiveHandle handle) {
    requireTree(tree);
    startReduceScatter(tree.plan(), terms, slices, out, handle);
  }

  void reduceScatter(CombinePlan plan, List<Tensor> terms, Slices slices, Tensor out) {
    enterReduceScatter(plan, terms, slices, out, blocking);
    blocking.await();
  }

  void startReduceScatter(
      CombinePlan plan, List<Tensor> terms, Slices slices, Tensor out, CollectiveHandle handle) {
    enterReduceScatter(plan, terms, slices, out, handle);
    queue.advance();
  }

  private void enterReduceScatter(
      CombinePlan plan, List<Tensor> terms, Slices slices, Tensor out, CollectiveHandle handle) {
    requireSlice("out", out, slices);
    MemorySegment slice = floats(out);
    requireTerms(plan, terms, slices.total() * Float.BYTES);
    PendingOperation entry = entry(Kind.REDUCE_SCATTER, handle);
    addTerms(entry, terms);
    enterReduceScatter(plan, slices, slice, entry);
  }

  private void enterReduceScatter(
      CombinePlan plan, Slices slices, MemorySegment slice, PendingOperation entry) {
    entry.plan = plan;
    entry.slices = slices;
    entry.out = slice;
    entry.outAt = -slices.start(rank) * Float.BYTES;
    add(entry);
  }

  /// Gives every rank all slices of `all`, of which this rank brings `mine`. Any dtype. Shapes: `mine` [length of this rank's slice], `all`
  /// [slices.total()]; `mine` may be this rank's slice of `all`. Cost: sends (p - 1) times the bytes of `mine`, in one hop.
  public void allGather(Tensor mine, Slices slices, Tensor all) {
    enterAllGather(mine, slices, all, blocking);
    blocking.await();
  }

  /// Starts [#allGather(Tensor, Slices, Tensor)].
  public void startAllGather(Tensor mine, Slices slices, Tensor all, CollectiveHandle handle) {
    enterAllGather(mine, slices, all, handle);
    queue.advance();
  }

  private void enterAllGather(Tensor mine, Slices slices, Tensor all, CollectiveHandle handle) {
    requireSlice("mine", mine, slices);
    requireTotal("all", all, slices);
    requireSameType(mine, all);
    MemorySegment from = host(mine);
    MemorySegment to = host(all);
    PendingOperation entry = entry(Kind.ALL_GATHER, handle);
    entry.in = from;
    entry.out = to;
    entry.slices = slices;
    entry.elementBytes = mine.dtype().bytes();
    add(entry);
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
    PendingOperation entry = entry(Kind.ALL_TO_ALL, blocking);
    entry.in = from;
    entry.out = to;
    entry.slices = send;
    entry.receive = receive;
    entry.elementBytes = in.dtype().bytes();
    add(entry);
    blocking.await();
  }

  /// Copies `x` of rank `root` to all other ranks. Any dtype. Cost: the root sends (p - 1) · N bytes.
  public void broadcast(Tensor x, int root) {
    MemorySegment copied = host(x);
    requireRank(root);
    PendingOperation entry = entry(Kind.BROADCAST, blocking);
    entry.in = copied;
    entry.root = root;
    add(entry);
    blocking.await();
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

  /// Moves what can move of the started collectives and returns without waiting: for the borders of operations while gradients are computed. Costs a few
  /// reads of memory when nothing can move, and nothing when nothing was started. Errors: none; those of the collectives are kept for [CollectiveHandle#await].
  public void progress() {
    queue.advance();
  }

  /// Returns when all ranks have entered.
  public void barrier() {
    add(entry(Kind.BARRIER, blocking));
    blocking.await();
  }

  /// Gives every rank every rank's `mine`, bit for bit, indexed by rank. Lengths may differ; meant for small records.
  public double[][] allGather(double[] mine) {
    PendingOperation entry = entry(Kind.RECORDS, blocking);
    entry.in = MemorySegment.ofArray(mine);
    add(entry);
    blocking.await();
    MemorySegment[] others = group.records();
    double[][] all = new double[worldSize()][];
    for (int peer = 0; peer < all.length; peer++) {
      all[peer] = peer == rank ? mine.clone() : others[peer].toArray(ValueLayout.JAVA_DOUBLE);
    }
    return all;
  }

  /// An operation of this group to be filled and added. Nothing may fail in between.
  private PendingOperation entry(Kind kind, CollectiveHandle handle) {
    queue.throwIfFailed();
    handle.start(queue);
    PendingOperation entry = queue.take();
    entry.group = group;
    entry.kind = kind;
    entry.handle = handle;
    entry.isLastPart = true;
    return entry;
  }

  private void add(PendingOperation entry) {
    entry.number = numbers.next(entry.kind);
    queue.add(entry);
  }

  private void requireTerms(CombinePlan plan, List<Tensor> terms, long bytes) {
    if (terms.size() != plan.terms(rank)) {
      throw new IllegalArgumentException(
          "rank "
              + rank
              + " has "
              + plan.terms(rank)
              + " terms in the plan but "
              + terms.size()
              + " were given");
    }
    for (int i = 0; i < terms.size(); i++) {
      if (floats(terms.get(i)).byteSize() != bytes) {
        throw new IllegalArgumentException(
            "a term has " + terms.get(i).bytes() + " bytes but the sum has " + bytes);
      }
    }
  }

  private static void addTerms(PendingOperation entry, List<Tensor> terms) {
    for (int i = 0; i < terms.size(); i++) {
      entry.addTerm(terms.get(i).segment(), 0);
    }
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
