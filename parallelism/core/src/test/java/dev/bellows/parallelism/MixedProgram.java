package dev.bellows.parallelism;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/// A random sequence of operations in several groups, with messages in between, that every rank derives from one seed and plays its part
/// of. A rank does what concerns it in the order of the list, as fast as it can.
final class MixedProgram {
  private static final int AXES = 3;
  private static final DType[] TYPES = {DType.F32, DType.BF16, DType.I32, DType.U8};

  private final int world;
  private final long[] lengths;
  private final Random random;
  private final List<List<int[]>> axes = new ArrayList<>();
  private final List<Step> steps = new ArrayList<>();
  private final List<Step> unreceived = new ArrayList<>();

  /// One entry of the list; `run` is called on the ranks that it concerns.
  private record Step(int axis, int[] members, Action run) {}

  @FunctionalInterface
  private interface Action {
    void run(CheckedCollectives group);
  }

  /// `lengths` are the element counts to choose from.
  MixedProgram(int world, long[] lengths, int operations, long seed) {
    this.world = world;
    this.lengths = lengths;
    this.random = new Random(seed);
    List<int[]> everybody = List.of(shuffled(false));
    axes.add(everybody);
    for (int axis = 1; axis <= AXES; axis++) {
      axes.add(partition());
    }
    for (int i = 0; i < operations; i++) {
      if (world > 1 && random.nextInt(3) == 0) {
        addMessage(i);
      } else {
        addCollective(i);
      }
      receive(random.nextInt(3) == 0 ? random.nextInt(unreceived.size() + 1) : 0);
    }
    receive(unreceived.size());
  }

  /// The receivers of the `count` oldest messages take them now.
  private void receive(int count) {
    List<Step> oldest = unreceived.subList(0, count);
    steps.addAll(oldest);
    oldest.clear();
  }

  private int[] shuffled(boolean shuffle) {
    List<Integer> ranks = new ArrayList<>();
    for (int rank = 0; rank < world; rank++) {
      ranks.add(rank);
    }
    if (shuffle) {
      Collections.shuffle(ranks, random);
    }
    return ranks.stream().mapToInt(rank -> rank).toArray();
  }

  /// The ranks in any order, cut into groups of any size.
  private List<int[]> partition() {
    int[] ranks = shuffled(true);
    List<int[]> groups = new ArrayList<>();
    for (int at = 0; at < world; ) {
      int size = 1 + random.nextInt(world - at);
      groups.add(Arrays.copyOfRange(ranks, at, at + size));
      at += size;
    }
    return groups;
  }

  private long length() {
    return lengths[random.nextInt(lengths.length)];
  }

  private Slices slices(int ranks) {
    long[] chosen = new long[ranks];
    Arrays.setAll(chosen, i -> length());
    return Slices.of(chosen);
  }

  private DType type() {
    return TYPES[random.nextInt(TYPES.length)];
  }

  private void addCollective(long salt) {
    int axis = random.nextInt(axes.size());
    List<int[]> groups = axes.get(axis);
    int[] members = groups.get(random.nextInt(groups.size()));
    steps.add(new Step(axis, members, collective(members.length, salt)));
  }

  private Action collective(int size, long salt) {
    Slices slices = slices(size);
    DType type = type();
    long length = length();
    int root = random.nextInt(size);
    long[][] matrix = new long[size][size];
    for (long[] row : matrix) {
      Arrays.setAll(row, i -> length());
    }
    return switch (random.nextInt(7)) {
      case 0 -> group -> group.allReduce(length, salt);
      case 1 -> group -> group.reduceScatter(slices, salt);
      case 2 -> group -> group.allGather(type, slices, salt);
      case 3 -> group -> group.allToAll(type, matrix, salt);
      case 4 -> group -> group.broadcast(type, length, root, salt);
      case 5 -> group -> group.records(salt);
      default -> group -> group.collectives().barrier();
    };
  }

  private void addMessage(long salt) {
    int axis = random.nextInt(axes.size());
    List<int[]> groups = axes.get(axis).stream().filter(group -> group.length > 1).toList();
    if (groups.isEmpty()) {
      addCollective(salt);
      return;
    }
    int[] members = groups.get(random.nextInt(groups.size()));
    int from = random.nextInt(members.length);
    int to = (from + 1 + random.nextInt(members.length - 1)) % members.length;
    DType type = type();
    long length = length();
    steps.add(
        new Step(axis, new int[] {members[from]}, group -> group.send(type, length, to, salt)));
    unreceived.add(
        new Step(axis, new int[] {members[to]}, group -> group.receive(type, length, from, salt)));
  }

  /// Plays the part of one rank.
  void run(Collectives everybody, Backend backend) {
    List<CheckedCollectives> mine = new ArrayList<>();
    mine.add(new CheckedCollectives(everybody, backend));
    for (List<int[]> axis : axes.subList(1, axes.size())) {
      int[] members =
          axis.stream()
              .filter(group -> contains(group, everybody.rank()))
              .findFirst()
              .orElseThrow();
      mine.add(new CheckedCollectives(everybody.group(members), backend));
    }
    for (Step step : steps) {
      if (contains(step.members(), everybody.rank())) {
        step.run().run(mine.get(step.axis()));
      }
    }
    everybody.barrier();
  }

  private static boolean contains(int[] ranks, int rank) {
    return Arrays.stream(ranks).anyMatch(member -> member == rank);
  }
}
