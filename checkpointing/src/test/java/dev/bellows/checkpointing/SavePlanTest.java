package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SavePlanTest {
  private static final long SEED = 99;

  @Test
  void balancedPlansDifferByLessThanARowPerBorder() {
    for (int round = 0; round < 200; round++) {
      Random random = new Random(SEED + round);
      List<LogicalTensor> tensors = new ArrayList<>();
      long total = 0;
      long row = 0;
      for (int t = 0; t < 1 + random.nextInt(8); t++) {
        LogicalTensor tensor =
            TestState.tensor(
                "t" + t, DType.F32, random.longs(1 + random.nextInt(3), 1, 40).toArray());
        tensors.add(tensor);
        total += tensor.bytes();
        row = Math.max(row, tensor.bytes() / tensor.shape().dim(0));
      }
      int writers = 1 + random.nextInt(9);
      SavePlan plan = SavePlan.balance(tensors, writers);
      long sum = 0;
      for (int writer = 0; writer < writers; writer++) {
        assertTrue(
            Math.abs(plan.bytes(writer) - total / writers) <= row + writers,
            "seed "
                + (SEED + round)
                + ": writer "
                + writer
                + " has "
                + plan.bytes(writer)
                + " of "
                + total);
        sum += plan.bytes(writer);
      }
      assertEquals(total, sum);
      for (int writer = 0; writer < writers; writer++) {
        assertEquals(plan.blocks(writer), SavePlan.balance(tensors, writers).blocks(writer));
      }
    }
  }

  @Test
  void scalarsEmptyTensorsAndMoreWritersThanRows() {
    List<LogicalTensor> tensors =
        List.of(
            TestState.tensor("s", DType.F32),
            TestState.tensor("e", DType.F32, 3, 0),
            TestState.tensor("r", DType.I64, 2, 2));
    SavePlan plan = SavePlan.balance(tensors, 8);
    assertEquals(36, java.util.stream.IntStream.range(0, 8).mapToLong(plan::bytes).sum());
    assertThrows(IllegalArgumentException.class, () -> SavePlan.balance(tensors, 0));
    SavePlan.balance(List.of(), 3);
  }

  /// Two columns of ranks hold a half of a matrix each, and everyone a vector: each rank writes a part of what it holds, and all write as much.
  @Test
  void splitStateIsSharedAmongItsHolders() {
    LogicalTensor matrix = TestState.tensor("w", DType.F32, 40, 6);
    LogicalTensor vector = TestState.tensor("b", DType.F32, 40);
    List<Block> halves =
        List.of(
            new Block("w", new long[] {0, 0}, new long[] {40, 2}),
            new Block("w", new long[] {0, 2}, new long[] {40, 4}));
    List<List<Block>> held = new ArrayList<>();
    for (int rank = 0; rank < 8; rank++) {
      held.add(List.of(halves.get(rank % 2), Block.whole(vector)));
    }
    SavePlan plan = SavePlan.share(List.of(matrix, vector), held);
    for (int rank = 0; rank < 8; rank++) {
      long columns = halves.get(rank % 2).extent(1);
      assertEquals(
          List.of(
              new Block("w", new long[] {rank / 2 * 10, rank % 2 * 2}, new long[] {10, columns}),
              new Block("b", new long[] {rank * 5}, new long[] {5})),
          plan.blocks(rank));
    }
    List<List<Block>> gap = List.of(List.of(halves.get(0), Block.whole(vector)));
    assertThrows(
        IllegalArgumentException.class, () -> SavePlan.share(List.of(matrix, vector), gap));
  }

  /// The sweep against a count of each single element.
  @Test
  void coverageAgreesWithCounting() {
    int wrong = 0;
    for (int round = 0; round < 2000; round++) {
      Random random = new Random(SEED + round);
      LogicalTensor tensor =
          TestState.tensor("t", DType.U8, random.longs(random.nextInt(4), 1, 5).toArray());
      List<Block> blocks = new ArrayList<>(List.of(Block.whole(tensor)));
      for (int i = 0; i < random.nextInt(6); i++) {
        halve(blocks, random);
      }
      if (random.nextBoolean()) {
        Block gone = blocks.remove(random.nextInt(blocks.size()));
        if (random.nextBoolean()) {
          blocks.add(gone);
          blocks.add(blocks.get(random.nextInt(blocks.size())));
        }
      }
      int[] counts = counts(tensor, blocks);
      boolean once = java.util.Arrays.stream(counts).allMatch(count -> count == 1);
      boolean all = java.util.Arrays.stream(counts).allMatch(count -> count > 0);
      Optional<String> problem = Coverage.exactlyOnce(tensor, blocks);
      assertEquals(
          once, problem.isEmpty(), "seed " + (SEED + round) + ": " + blocks + " " + problem);
      assertEquals(
          all,
          Coverage.atLeastOnce(tensor, blocks).isEmpty(),
          "seed " + (SEED + round) + ": " + blocks);
      wrong += once ? 0 : 1;
    }
    assertTrue(
        wrong > 200, "only " + wrong + " of the covers were bad: this test would prove little");
  }

  private static int[] counts(LogicalTensor tensor, List<Block> blocks) {
    int[] counts = new int[(int) tensor.shape().elements()];
    for (int i = 0; i < counts.length; i++) {
      long[] at = new long[tensor.shape().rank()];
      long rest = i;
      for (int d = at.length - 1; d >= 0; d--) {
        at[d] = rest % tensor.shape().dim(d);
        rest /= tensor.shape().dim(d);
      }
      for (Block block : blocks) {
        boolean in = true;
        for (int d = 0; d < at.length; d++) {
          in &= at[d] >= block.start(d) && at[d] < block.end(d);
        }
        counts[i] += in ? 1 : 0;
      }
    }
    return counts;
  }

  private static void halve(List<Block> blocks, Random random) {
    Block block = blocks.get(random.nextInt(blocks.size()));
    for (int d = 0; d < block.rank(); d++) {
      if (block.extent(d) > 1) {
        blocks.remove(block);
        long[] start = block.start();
        long[] extent = block.extent();
        extent[d] = 1;
        blocks.add(new Block(block.tensor(), start, extent));
        start[d]++;
        extent[d] = block.extent(d) - 1;
        blocks.add(new Block(block.tensor(), start, extent));
        return;
      }
    }
  }

  /// 20,000 pieces of one tensor: a check of all pairs would take minutes.
  @Test
  void manyPiecesAreCheckedInReasonableTime() {
    LogicalTensor tensor = TestState.tensor("t", DType.F32, 20_000, 20_000);
    List<Block> rows = new ArrayList<>();
    List<Block> columns = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      rows.add(Block.rows(tensor, i, i + 1));
      columns.add(new Block("t", new long[] {0, i}, new long[] {20_000, 1}));
    }
    assertEquals(Optional.empty(), Coverage.exactlyOnce(tensor, rows));
    assertEquals(Optional.empty(), Coverage.exactlyOnce(tensor, columns));
    rows.set(777, Block.rows(tensor, 776, 778));
    assertEquals(
        "element [776, 0] is in 2 pieces, among them t[776:777, 0:20000] and t[776:778, 0:20000]",
        Coverage.exactlyOnce(tensor, rows).orElseThrow());
  }

  @Test
  void plansWithGapsOverlapsAndStrangersAreRefused() {
    LogicalTensor tensor = TestState.tensor("w", DType.F32, 4, 2);
    List<LogicalTensor> tensors = List.of(tensor);
    assertRefused(tensors, List.of(Block.rows(tensor, 0, 3)), "element [3, 0] is in no piece");
    assertRefused(
        tensors,
        List.of(Block.rows(tensor, 0, 3), Block.rows(tensor, 2, 4)),
        "element [2, 0] is in 2 pieces");
    assertRefused(tensors, List.of(), "element [0, 0] is in no piece");
    assertRefused(tensors, List.of(Block.rows(tensor, 0, 5)), "reaches outside shape [4, 2]");
    assertRefused(
        tensors,
        List.of(Block.whole(tensor), new Block("x", new long[0], new long[0])),
        "is in no list of tensors");
    assertRefused(List.of(tensor, tensor), List.of(Block.whole(tensor)), "two tensors are named w");
  }

  private static void assertRefused(
      List<LogicalTensor> tensors, List<Block> blocks, String message) {
    var e =
        assertThrows(IllegalArgumentException.class, () -> SavePlan.of(tensors, List.of(blocks)));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
