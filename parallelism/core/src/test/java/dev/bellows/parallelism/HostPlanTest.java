package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Cutting a sum by hosts leaves its expression alone, parentheses included.
class HostPlanTest {
  /// The plan's expression over these terms by rank.
  private static String expression(CombinePlan plan, List<List<String>> terms) {
    int[] next = new int[plan.worldSize()];
    ArrayDeque<String> stack = new ArrayDeque<>();
    for (int i = 0; i < plan.length(); i++) {
      int instruction = plan.instruction(i);
      if (instruction == CombinePlan.ADD) {
        String right = stack.pop();
        stack.push("(" + stack.pop() + "+" + right + ")");
      } else {
        stack.push(terms.get(instruction).get(next[instruction]++));
      }
    }
    return stack.pop();
  }

  /// Names of the terms of `plan` by rank: `2a`, `2b`.
  private static List<List<String>> names(CombinePlan plan) {
    List<List<String>> names = new ArrayList<>();
    for (int rank = 0; rank < plan.worldSize(); rank++) {
      List<String> own = new ArrayList<>();
      for (int term = 0; term < plan.terms(rank); term++) {
        own.add(rank + "" + (char) ('a' + term));
      }
      names.add(own);
    }
    return names;
  }

  private static void requireSameExpression(CombinePlan plan, int hosts) {
    HostPlan parts = HostPlan.of(plan, hosts);
    int perHost = plan.worldSize() / hosts;
    List<List<String>> names = names(plan);
    List<List<String>> hostTerms = new ArrayList<>();
    for (int host = 0; host < hosts; host++) {
      List<List<String>> left =
          new ArrayList<>(names.subList(host * perHost, (host + 1) * perHost));
      List<String> sums = new ArrayList<>();
      for (CombinePlan part : parts.within(host)) {
        sums.add(expression(part, left));
        for (int rank = 0; rank < perHost; rank++) {
          left.set(rank, left.get(rank).subList(part.terms(rank), left.get(rank).size()));
        }
      }
      hostTerms.add(sums);
    }
    assertEquals(expression(plan, names), expression(parts.across(), hostTerms));
  }

  @Test
  void theExpressionStaysTheSame() {
    for (int groups = 1; groups <= 32; groups *= 2) {
      for (int world = 1; world <= groups; world++) {
        for (int hosts = 1; hosts <= world; hosts++) {
          if (world % hosts == 0) {
            requireSameExpression(new BatchTree(groups, world).plan(), hosts);
            requireSameExpression(CombinePlan.rankOrder(world), hosts);
          }
        }
      }
    }
  }

  @Test
  void alignedHostsBringOneTerm() {
    assertTrue(HostPlan.of(new BatchTree(8, 4).plan(), 2).isOneTermPerHost());
    assertTrue(HostPlan.of(new BatchTree(8, 8).plan(), 4).isOneTermPerHost());
    // Two groups each on the first two ranks, one each on the others: halves and quarters.
    assertTrue(HostPlan.of(new BatchTree(8, 6).plan(), 3).isOneTermPerHost());
    assertFalse(HostPlan.of(new BatchTree(8, 6).plan(), 2).isOneTermPerHost());
    assertFalse(HostPlan.of(CombinePlan.rankOrder(4), 2).isOneTermPerHost());
  }
}
