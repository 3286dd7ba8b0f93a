package dev.bellows.parallelism;

import dev.bellows.parallelism.CombinePlan.Builder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/// A sum over the ranks of several hosts cut into sums within each host and one over the hosts, with the same additions in the same order, so
/// with the same bits. What a host can add by itself are the largest parts of the [CombinePlan]'s expression that name only its ranks: one part
/// when its ranks own an aligned subtree of the batch tree. Ranks are contiguous per host and each host has as many. Immutable.
final class HostPlan {
  private final List<List<CombinePlan>> within;
  private final CombinePlan across;

  /// A part of the expression: a term of `rank`, or `left` + `right`; `host` is -1 where its terms come from several hosts.
  private record Node(int host, int rank, List<Node> operands) {}

  private HostPlan(List<List<CombinePlan>> within, CombinePlan across) {
    this.within = within;
    this.across = across;
  }

  /// `plan` cut for `hosts` hosts.
  static HostPlan of(CombinePlan plan, int hosts) {
    int perHost = plan.worldSize() / hosts;
    List<List<CombinePlan>> within = new ArrayList<>();
    for (int host = 0; host < hosts; host++) {
      within.add(new ArrayList<>());
    }
    Builder across = new Builder(hosts);
    cut(expression(plan, perHost), perHost, within, across);
    return new HostPlan(within, across.build());
  }

  private static Node expression(CombinePlan plan, int perHost) {
    ArrayDeque<Node> stack = new ArrayDeque<>();
    for (int i = 0; i < plan.length(); i++) {
      int instruction = plan.instruction(i);
      if (instruction == CombinePlan.ADD) {
        Node right = stack.pop();
        Node left = stack.pop();
        int host = left.host() == right.host() ? left.host() : -1;
        stack.push(new Node(host, -1, List.of(left, right)));
      } else {
        stack.push(new Node(instruction / perHost, instruction, List.of()));
      }
    }
    return stack.pop();
  }

  private static void cut(Node node, int perHost, List<List<CombinePlan>> within, Builder across) {
    if (node.host() >= 0) {
      Builder part = new Builder(perHost);
      append(node, perHost, part);
      within.get(node.host()).add(part.build());
      across.load(node.host());
    } else {
      node.operands().forEach(operand -> cut(operand, perHost, within, across));
      across.add();
    }
  }

  private static void append(Node node, int perHost, Builder part) {
    if (node.operands().isEmpty()) {
      part.load(node.rank() % perHost);
    } else {
      node.operands().forEach(operand -> append(operand, perHost, part));
      part.add();
    }
  }

  /// Whether each host has exactly one sum to bring, so that nothing but the result needs memory.
  boolean isOneTermPerHost() {
    return within.stream().allMatch(parts -> parts.size() == 1);
  }

  /// The sums that `host` brings, over its ranks, in the order in which [#across] takes them.
  List<CombinePlan> within(int host) {
    return within.get(host);
  }

  /// The sum over the hosts.
  CombinePlan across() {
    return across;
  }
}
