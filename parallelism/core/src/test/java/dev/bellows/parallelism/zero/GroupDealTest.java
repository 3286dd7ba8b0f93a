package dev.bellows.parallelism.zero;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.zero.GroupDeal.Step;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class GroupDealTest {
  /// The batch tree's sum, written out.
  private static String tree(int first, int leaves) {
    return leaves == 1
        ? "" + first
        : "(" + tree(first, leaves / 2) + "+" + tree(first + leaves / 2, leaves / 2) + ")";
  }

  /// Plays the steps with words for sums.
  private static String played(GroupDeal deal) {
    List<String> levels = new ArrayList<>();
    int round = 0;
    for (List<Step> steps : deal.steps()) {
      int next = 0;
      for (Step step : steps) {
        assertEquals(next, step.firstRank(), "every rank's group comes once: " + deal);
        next += step.count();
        String incoming = tree(round * deal.ranks() + step.firstRank(), step.count());
        if (step.added()) {
          levels.set(step.level(), "(" + levels.get(step.level()) + "+" + incoming + ")");
        } else {
          levels.add(step.level(), incoming);
        }
        assertEquals(step.level(), levels.size() - 1);
        for (int fold = 0; fold < step.folds(); fold++) {
          String right = levels.removeLast();
          levels.set(levels.size() - 1, "(" + levels.getLast() + "+" + right + ")");
        }
        assertTrue(levels.size() <= deal.levels(), deal + " holds " + levels);
      }
      assertEquals(Math.min(deal.ranks(), deal.groups() - round * deal.ranks()), next);
      round++;
    }
    assertEquals(1, levels.size());
    return levels.getFirst();
  }

  @Test
  void theStepsAddInTheTreesOrder() {
    for (int groups = 1; groups <= 32; groups *= 2) {
      for (int ranks = 1; ranks <= groups; ranks++) {
        assertEquals(tree(0, groups), played(new GroupDeal(groups, ranks)), groups + " " + ranks);
      }
    }
  }

  @Test
  void groupsAreDealtInRounds() {
    GroupDeal deal = new GroupDeal(8, 3);
    assertEquals(3, deal.rounds());
    assertEquals(List.of(0, 3, 6), deal.groups(0));
    assertEquals(List.of(2, 5), deal.groups(2));
    assertEquals(7, deal.group(2, 1).orElseThrow());
    assertTrue(deal.group(2, 2).isEmpty());
  }

  /// log2(rounds) where the ranks divide the groups, but at least the result.
  @Test
  void anOwnerHoldsALogarithmOfPartialSums() {
    assertEquals(1, new GroupDeal(8, 8).levels());
    assertEquals(1, new GroupDeal(8, 4).levels());
    assertEquals(2, new GroupDeal(8, 2).levels());
    assertEquals(3, new GroupDeal(8, 1).levels());
    for (int groups = 1; groups <= 64; groups *= 2) {
      for (int ranks = 1; ranks <= groups; ranks++) {
        int most = 1 + Integer.numberOfTrailingZeros(groups);
        assertTrue(new GroupDeal(groups, ranks).levels() <= most, groups + " " + ranks);
      }
    }
  }

  @Test
  void refusesMoreRanksThanGroups() {
    assertThrows(IllegalArgumentException.class, () -> new GroupDeal(4, 5));
    assertThrows(IllegalArgumentException.class, () -> new GroupDeal(6, 2));
  }
}
