package dev.bellows.parallelism;

import java.util.Arrays;

/// The order in which the terms of all ranks are summed: a program for a stack machine with two instructions, *load the next term of
/// rank r* and *replace the two topmost sums by left + right*. Each rank's terms are loaded in the order in which it sends them.
/// Immutable.
final class CombinePlan {
  /// The instruction that adds; every other instruction is the rank whose next term is loaded.
  static final int ADD = -1;

  private final int[] program;
  private final int[] termCounts;
  private final int depth;

  private CombinePlan(int[] program, int[] termCounts, int depth) {
    this.program = program;
    this.termCounts = termCounts;
    this.depth = depth;
  }

  /// One term per rank, summed left to right.
  static CombinePlan rankOrder(int worldSize) {
    Builder plan = new Builder(worldSize);
    plan.load(0);
    for (int rank = 1; rank < worldSize; rank++) {
      plan.load(rank);
      plan.add();
    }
    return plan.build();
  }

  /// Number of instructions.
  int length() {
    return program.length;
  }

  /// Instruction `index`: [#ADD] or a rank.
  int instruction(int index) {
    return program[index];
  }

  /// How many terms `rank` contributes.
  int terms(int rank) {
    return termCounts[rank];
  }

  int worldSize() {
    return termCounts.length;
  }

  /// Largest number of sums on the stack.
  int depth() {
    return depth;
  }

  static final class Builder {
    private final int[] termCounts;
    private int[] program = new int[16];
    private int length;
    private int height;
    private int depth;

    Builder(int worldSize) {
      termCounts = new int[worldSize];
    }

    void load(int rank) {
      append(rank);
      termCounts[rank]++;
      height++;
      depth = Math.max(depth, height);
    }

    void add() {
      append(ADD);
      height--;
    }

    private void append(int instruction) {
      if (length == program.length) {
        program = Arrays.copyOf(program, 2 * length);
      }
      program[length++] = instruction;
    }

    CombinePlan build() {
      if (height != 1) {
        throw new IllegalStateException("a plan must leave one sum, not " + height);
      }
      return new CombinePlan(Arrays.copyOf(program, length), termCounts, depth);
    }
  }
}
