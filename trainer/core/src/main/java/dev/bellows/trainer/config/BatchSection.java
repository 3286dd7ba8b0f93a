package dev.bellows.trainer.config;

/// Section `batch`: the samples of one step, cut independently of the number of workers.
///
/// @param global samples in one step over all workers, a multiple of `micro` · `groups`
/// @param micro samples that run forward at once
/// @param groups contiguous groups of micro-batches, the leaves of the gradient sum's tree; a power of two, default 8. At most so many
///     workers can share a step
/// @param reduction how the gradients of the groups are added; default `tree`
public record BatchSection(
    int global, int micro, @Default("8") int groups, @Default("tree") Reduction reduction) {
  /// Orders of the gradient sum.
  public enum Reduction {
    /// A fixed binary tree over the groups: the same bits at any number of workers.
    TREE,
    /// Each rank's groups first, then the ranks in order: other bits at another number of workers. Only for showing that the tree matters.
    RANK
  }

  public BatchSection {
    Check.atLeast("batch.global", global, 1);
    Check.atLeast("batch.micro", micro, 1);
    Check.atLeast("batch.groups", groups, 1);
    if (Integer.bitCount(groups) != 1) {
      int below = Integer.highestOneBit(groups);
      throw new ConfigException(
          "batch.groups",
          "batch.groups is "
              + groups
              + "; it must be a power of two, such as "
              + below
              + " or "
              + 2L * below);
    }
    long unit = (long) micro * groups;
    if (global % unit != 0) {
      throw new ConfigException("batch.global", indivisible(global, micro, groups, unit));
    }
  }

  private static String indivisible(int global, int micro, int groups, long unit) {
    long below = global / unit * unit;
    String message =
        "batch.global is "
            + global
            + "; it must be a multiple of batch.micro · batch.groups = "
            + micro
            + " · "
            + groups
            + " = "
            + unit
            + ", such as "
            + (below > 0 ? below + " or " : "")
            + (below + unit);
    if (global % groups == 0) {
      return message + ", or batch.micro must be one of " + divisors(global / groups);
    }
    return message;
  }

  private static String divisors(int value) {
    StringBuilder list = new StringBuilder();
    for (int divisor = 1; divisor <= value; divisor++) {
      if (value % divisor == 0) {
        list.append(list.isEmpty() ? "" : ", ").append(divisor);
      }
    }
    return list.toString();
  }

  /// Samples in one group.
  public int samplesPerGroup() {
    return global / groups;
  }

  /// Micro-batches in one group.
  public int microBatchesPerGroup() {
    return global / groups / micro;
  }
}
