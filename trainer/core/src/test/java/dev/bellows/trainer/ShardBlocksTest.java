package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.checkpointing.Block;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Runs of elements of drawn shards against a count of each single element.
class ShardBlocksTest {
  private static final long SEED = 4;

  @Test
  void theBlocksAreTheElements() {
    for (int round = 0; round < 2000; round++) {
      Random random = new Random(SEED + round);
      Shard shard = shard(random);
      long elements = shard.localShape().elements();
      long start = random.nextLong(elements + 1);
      long extent = random.nextLong(elements - start + 1);
      long[] logical = logical(shard);
      long[] seen = new long[(int) extent];
      Arrays.fill(seen, -1);
      for (ShardBlocks.Part part : ShardBlocks.of("w", shard, start, extent)) {
        long[] elementsOfBlock = elements(shard.shape(), part.block());
        System.arraycopy(elementsOfBlock, 0, seen, (int) part.offset(), elementsOfBlock.length);
      }
      long[] expected = Arrays.copyOfRange(logical, (int) start, (int) (start + extent));
      assertEquals(
          Arrays.toString(expected),
          Arrays.toString(seen),
          "seed " + (SEED + round) + ", " + shard + ", " + start + " + " + extent);
    }
  }

  private static Shard shard(Random random) {
    Shape shape = Shape.of(random.longs(1 + random.nextInt(3), 1, 7).toArray());
    int dim = random.nextInt(shape.rank());
    long size = shape.dim(dim);
    List<Piece> pieces = new ArrayList<>();
    int most = dim == 0 ? 3 : 1;
    for (long from = random.nextLong(size); from < size && pieces.size() < most; ) {
      long extent = 1 + random.nextLong(size - from);
      pieces.add(new Piece(from, extent, 0, 1));
      from += extent + 1;
    }
    return new Shard(shape, dim, pieces);
  }

  /// For each element of the shard its number in the whole.
  private static long[] logical(Shard shard) {
    long[] numbers = new long[(int) shard.localShape().elements()];
    shard.forEachRun(
        (local, logical, extent) -> {
          for (long i = 0; i < extent; i++) {
            numbers[(int) (local + i)] = logical + i;
          }
        });
    return numbers;
  }

  /// The numbers of the elements of `block`, row by row.
  private static long[] elements(Shape shape, Block block) {
    long[] numbers = new long[(int) block.elements()];
    for (int i = 0; i < numbers.length; i++) {
      long rest = i;
      long number = 0;
      long stride = 1;
      for (int d = shape.rank() - 1; d >= 0; d--) {
        number += (block.start(d) + rest % block.extent(d)) * stride;
        rest /= block.extent(d);
        stride *= shape.dim(d);
      }
      numbers[i] = number;
    }
    return numbers;
  }
}
