package dev.bellows.parallelism;

import dev.bellows.parallelism.OperationNumbers.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The all-reduce of a group whose ranks share hosts: first within each host, each rank a slice of it, then over the hosts among the ranks with
/// the same slice, then back within the hosts. Each byte of a host's sum leaves the host once, not once per rank, and the bits are those of
/// the direct sum ([HostPlan]). Three operations in the queue, each waiting for the one before. Threads: one at a time.
final class HostsFirst {
  /// Smaller sums go directly: they cost hops, not bytes.
  static final long LEAST_BYTES = 64 << 10;

  private static final int ALIGNED_ELEMENTS = 16;

  private final int hosts;
  private final Group within;
  private final OperationNumbers withinNumbers;
  private final Group across;
  private final OperationNumbers acrossNumbers;
  private final Map<CombinePlan, HostPlan> plans = new IdentityHashMap<>();
  private final List<Slices> slices = new ArrayList<>();

  private HostsFirst(
      int hosts,
      Group within,
      OperationNumbers withinNumbers,
      Group across,
      OperationNumbers acrossNumbers) {
    this.hosts = hosts;
    this.within = within;
    this.withinNumbers = withinNumbers;
    this.across = across;
    this.acrossNumbers = acrossNumbers;
  }

  /// For the group `number` of these ranks of the world, in which this rank has `rank`; empty unless they lie on several hosts, as many on each and
  /// more than one, and those of a host follow each other.
  static Optional<HostsFirst> of(
      Links links, int[] worldRanks, int rank, int number, WaitGuard guard) {
    int perHost = 1;
    String first = links.host(worldRanks[0]);
    while (perHost < worldRanks.length && links.host(worldRanks[perHost]).equals(first)) {
      perHost++;
    }
    int hosts = worldRanks.length / perHost;
    if (perHost == 1 || hosts == 1 || !areHosts(links, worldRanks, perHost)) {
      return Optional.empty();
    }
    int start = rank / perHost * perHost;
    int[] local = Arrays.copyOfRange(worldRanks, start, start + perHost);
    int[] column = new int[hosts];
    for (int host = 0; host < hosts; host++) {
      column[host] = worldRanks[host * perHost + rank % perHost];
    }
    return Optional.of(
        new HostsFirst(
            hosts,
            new Group(links, local, new GroupTransport(links, local), guard),
            new OperationNumbers(number, local),
            new Group(links, column, new GroupTransport(links, column), guard),
            new OperationNumbers(number, column)));
  }

  /// Whether the ranks are runs of `perHost`, each run on a host of its own.
  private static boolean areHosts(Links links, int[] worldRanks, int perHost) {
    if (worldRanks.length % perHost != 0) {
      return false;
    }
    List<String> seen = new ArrayList<>();
    for (int i = 0; i < worldRanks.length; i++) {
      String host = links.host(worldRanks[i]);
      if (i % perHost == 0) {
        if (seen.contains(host)) {
          return false;
        }
        seen.add(host);
      } else if (!host.equals(seen.getLast())) {
        return false;
      }
    }
    return true;
  }

  /// Whether a sum of `bytes` bytes by `plan` goes this way: all ranks answer alike.
  boolean suits(CombinePlan plan, long bytes) {
    return bytes >= LEAST_BYTES && plan(plan).isOneTermPerHost();
  }

  private HostPlan plan(CombinePlan plan) {
    HostPlan known = plans.get(plan);
    if (known == null) {
      known = HostPlan.of(plan, hosts);
      plans.put(plan, known);
    }
    return known;
  }

  /// Enters the all-reduce that `first` describes, by `plan`.
  void enter(OperationQueue queue, CombinePlan plan, PendingOperation first) {
    PendingOperation second = queue.take();
    PendingOperation third = queue.take();
    HostPlan parts = plan(plan);
    Slices dealt = slices(first.bytes / Float.BYTES);
    long start = dealt.start(within.rank()) * Float.BYTES;
    fill(first, within, Kind.HOST_SUM, withinNumbers);
    first.plan = parts.within(across.rank()).getFirst();
    first.slices = dealt;

    fill(second, across, Kind.HOSTS_SUM, acrossNumbers);
    second.plan = parts.across();
    second.addTerm(first.out, start);
    second.out = first.out;
    second.outAt = start;
    second.bytes = dealt.length(within.rank()) * Float.BYTES;
    second.handle = first.handle;
    second.needsPrevious = true;

    fill(third, within, Kind.HOST_SHARE, withinNumbers);
    third.in = first.out;
    third.inAt = start;
    third.out = first.out;
    third.slices = dealt;
    third.elementBytes = Float.BYTES;
    third.handle = first.handle;
    third.needsPrevious = true;
    third.isLastPart = true;

    first.isLastPart = false;
    queue.add(first);
    queue.add(second);
    queue.add(third);
  }

  private static void fill(
      PendingOperation entry, Group group, Kind kind, OperationNumbers numbers) {
    entry.group = group;
    entry.kind = kind;
    entry.number = numbers.next(kind);
  }

  /// The tensor of so many elements dealt to the ranks of a host; made once per size.
  private Slices slices(long elements) {
    for (int i = 0; i < slices.size(); i++) {
      if (slices.get(i).total() == elements) {
        return slices.get(i);
      }
    }
    int ranks = within.size();
    long each = (elements + ranks - 1) / ranks;
    long rounded = (each + ALIGNED_ELEMENTS - 1) / ALIGNED_ELEMENTS * ALIGNED_ELEMENTS;
    long[] lengths = new long[ranks];
    for (int rank = 0; rank < ranks; rank++) {
      lengths[rank] = Math.clamp(elements - rank * rounded, 0, rounded);
    }
    Slices dealt = Slices.of(lengths);
    slices.add(dealt);
    return dealt;
  }
}
