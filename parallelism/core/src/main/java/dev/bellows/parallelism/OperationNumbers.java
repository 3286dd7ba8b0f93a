package dev.bellows.parallelism;

import java.util.Arrays;

/// Numbers the collectives of one group, so that no chunk is taken for one of another operation, group or kind.
///
/// | bits | meaning |
/// |---|---|
/// | 63 | 1: a message between two ranks; the others are its number among those of this ordered pair |
/// | 56–62 | group: 0 is all ranks, the others count in the order in which each rank makes its groups |
/// | 40–55 | check of the group's ranks, so that ranks that made different groups notice |
/// | 36–39 | kind |
/// | 0–35 | number among the collectives of the group |
///
/// Threads: one at a time.
final class OperationNumbers {
  /// Most groups that a rank can make.
  static final int MAX_GROUPS = 127;

  private static final int GROUP_SHIFT = 56;
  private static final int CHECK_SHIFT = 40;
  private static final int KIND_SHIFT = 36;
  private static final long COUNT_MASK = (1L << KIND_SHIFT) - 1;

  /// What ranks do together; at most 16.
  enum Kind {
    ALL_REDUCE("an all-reduce"),
    REDUCE_SCATTER("a reduce-scatter"),
    ALL_GATHER("an all-gather"),
    ALL_TO_ALL("an all-to-all"),
    BROADCAST("a broadcast"),
    RECORDS("an exchange of records"),
    BARRIER("a barrier"),
    HOST_SUM("an all-reduce, its sums within the hosts"),
    HOSTS_SUM("an all-reduce, its sum over the hosts"),
    HOST_SHARE("an all-reduce, its results within the hosts");

    private static final Kind[] ALL = values();
    private final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  private final long group;
  private long count;

  /// Numbers for the group `number` (0: all ranks) of these ranks of the world.
  OperationNumbers(int number, int[] ranks) {
    int hash = Arrays.hashCode(ranks);
    this.group =
        ((long) number << GROUP_SHIFT) | ((long) ((hash ^ (hash >>> 16)) & 0xffff) << CHECK_SHIFT);
  }

  /// The number of the group's next operation.
  long next(Kind kind) {
    count++;
    return group | ((long) kind.ordinal() << KIND_SHIFT) | (count & COUNT_MASK);
  }

  /// The number of message `count` of an ordered pair.
  static long message(long count) {
    return Long.MIN_VALUE | count;
  }

  static boolean isMessage(long operation) {
    return operation < 0;
  }

  /// The operation in words, without its number: `a barrier`.
  static String kind(long operation) {
    if (isMessage(operation)) {
      return "a message";
    }
    int kind = (int) (operation >>> KIND_SHIFT) & 15;
    return kind < Kind.ALL.length ? Kind.ALL[kind].words : "an operation of unknown kind";
  }

  /// The operation in words: `a barrier (operation 5 of group 2)`, `message 7`.
  static String describe(long operation) {
    if (isMessage(operation)) {
      return "message " + (operation & Long.MAX_VALUE);
    }
    long group = operation >>> GROUP_SHIFT;
    return kind(operation)
        + " (operation "
        + (operation & COUNT_MASK)
        + " of "
        + (group == 0 ? "all ranks" : "group " + group)
        + ")";
  }

  private static boolean isSameGroupOfOtherRanks(long a, long b) {
    return !isMessage(a)
        && !isMessage(b)
        && a >>> GROUP_SHIFT == b >>> GROUP_SHIFT
        && a >>> CHECK_SHIFT != b >>> CHECK_SHIFT;
  }

  /// The error for a `chunk` that `sender` should not have sent to a rank that is in `operation`.
  static IllegalStateException unexpected(String sender, Chunk chunk, long operation) {
    return new IllegalStateException(
        sender
            + " sent "
            + chunk.length()
            + " bytes at "
            + chunk.offset()
            + " of tensor "
            + chunk.tensor()
            + " of "
            + describe(chunk.operation())
            + (isSameGroupOfOtherRanks(chunk.operation(), operation)
                ? ", a group of other ranks, while this rank is in "
                : ", while this rank is in ")
            + describe(operation)
            + "; the ranks of a group must make the same groups and enter the same operations on"
            + " equal shapes in the same order");
  }
}
