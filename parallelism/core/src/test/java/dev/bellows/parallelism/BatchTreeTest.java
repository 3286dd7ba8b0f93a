package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchTreeTest {
  /// The sum as text, with its brackets.
  private static String expression(int first, int groups) {
    return groups == 1
        ? "" + first
        : "("
            + expression(first, groups / 2)
            + "+"
            + expression(first + groups / 2, groups / 2)
            + ")";
  }

  private static String run(BatchTree tree) {
    List<Deque<BatchTree.Term>> terms = new ArrayList<>();
    for (int rank = 0; rank < tree.worldSize(); rank++) {
      terms.add(new ArrayDeque<>(tree.terms(rank)));
    }
    CombinePlan plan = tree.plan();
    Deque<String> stack = new ArrayDeque<>();
    for (int i = 0; i < plan.length(); i++) {
      if (plan.instruction(i) == CombinePlan.ADD) {
        String right = stack.pop();
        stack.push("(" + stack.pop() + "+" + right + ")");
      } else {
        BatchTree.Term term = terms.get(plan.instruction(i)).removeFirst();
        stack.push(expression(term.firstGroup(), term.groups()));
      }
      assertTrue(stack.size() <= plan.depth());
    }
    terms.forEach(left -> assertTrue(left.isEmpty()));
    assertEquals(1, stack.size());
    return stack.pop();
  }

  @Test
  void everyWorldSizeSumsInTheSameOrder() {
    for (int groups = 1; groups <= 64; groups *= 2) {
      for (int world = 1; world <= groups; world++) {
        assertEquals(
            expression(0, groups),
            run(new BatchTree(groups, world)),
            groups + " groups, " + world + " ranks");
      }
    }
  }

  @Test
  void rangesAreContiguousAndTheFirstRanksOwnOneMore() {
    for (int groups = 1; groups <= 64; groups *= 2) {
      for (int world = 1; world <= groups; world++) {
        BatchTree tree = new BatchTree(groups, world);
        int next = 0;
        for (int rank = 0; rank < world; rank++) {
          assertEquals(next, tree.firstGroup(rank));
          next = tree.endGroup(rank);
          assertEquals(
              groups / world + (rank < groups % world ? 1 : 0), next - tree.firstGroup(rank));
          int log = Integer.numberOfTrailingZeros(groups);
          assertTrue(tree.terms(rank).size() <= Math.max(1, 2 * log));
        }
        assertEquals(groups, next);
      }
    }
  }

  @Test
  void anAlignedRangeIsOneTerm() {
    assertEquals(List.of(new BatchTree.Term(1, 0, 4, 4)), new BatchTree(8, 2).terms(1));
    assertEquals(
        List.of(new BatchTree.Term(1, 0, 3, 1), new BatchTree.Term(1, 1, 4, 2)),
        new BatchTree(8, 3).terms(1));
  }

  @Test
  void refusesShapesThatAreNoTree() {
    assertThrows(IllegalArgumentException.class, () -> new BatchTree(6, 2));
    assertThrows(IllegalArgumentException.class, () -> new BatchTree(0, 1));
    String message =
        assertThrows(IllegalArgumentException.class, () -> new BatchTree(4, 5)).getMessage();
    assertTrue(message.contains("raise batch.groups"), message);
  }
}
