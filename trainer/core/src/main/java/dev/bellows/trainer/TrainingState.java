package dev.bellows.trainer;

import dev.bellows.checkpointing.Block;
import dev.bellows.checkpointing.BlockSource;
import dev.bellows.checkpointing.CheckpointReader;
import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.checkpointing.SavePlan;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.Shard;
import dev.bellows.parallelism.Collectives;
import dev.bellows.storage.FileStore;
import dev.bellows.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/// What one rank has in memory of the tensors of a run, by their logical names: every parameter under its own name, and each of its optimizer states as
/// `optimizer.<state>.<parameter>`, of the shape that the update rule declares. Borrows the memory.
final class TrainingState implements BlockSource {
  private final List<LogicalTensor> logical;
  private final Map<String, LogicalTensor> names = new LinkedHashMap<>();
  private final Map<String, List<Held>> held = new HashMap<>();
  private final List<Held> all = new ArrayList<>();

  /// A block in this rank's memory, its elements together; `saved`: for the ranks that share it, this one may write it to a checkpoint.
  private record Held(Block block, MemorySegment memory, boolean saved) {}

  /// A state of which nothing is held yet; `logical` are all tensors of the run, the same on every rank.
  TrainingState(List<LogicalTensor> logical) {
    this.logical = List.copyOf(logical);
    logical.forEach(tensor -> names.put(tensor.name(), tensor));
  }

  /// Name of a parameter's state in a checkpoint.
  static String stateName(String state, Parameter parameter) {
    return "optimizer." + state + "." + parameter.name();
  }

  /// Says that `memory` holds elements `start` on, counted row by row in the shard, of this rank's `shard` of tensor `name`. `home`: no other rank that is not
  /// on the data axis of this one saves them.
  void hold(String name, Shard shard, long start, Tensor memory, boolean home) {
    LogicalTensor tensor = names.get(name);
    for (ShardBlocks.Part part : ShardBlocks.of(name, shard, start, memory.elements())) {
      long bytes = tensor.dtype().bytes();
      MemorySegment segment =
          memory.segment().asSlice(part.offset() * bytes, part.block().elements() * bytes);
      add(new Held(part.block(), segment, home && part.copy() == 0));
    }
  }

  /// Says that `memory` is all of tensor `name`.
  void holdWhole(String name, Tensor memory, boolean home) {
    add(new Held(Block.whole(names.get(name)), memory.segment(), home));
  }

  private void add(Held block) {
    held.computeIfAbsent(block.block().tensor(), name -> new ArrayList<>()).add(block);
    all.add(block);
  }

  /// Fills every block that is held from the checkpoint in `path`; each tensor in it is loaded by some rank or the load is refused.
  void restore(FileStore store, String path) throws IOException {
    try (CheckpointReader reader = CheckpointReader.open(store, path)) {
      for (Held block : all) {
        reader.read(block.block(), block.memory());
      }
      for (LogicalTensor tensor : logical) {
        if (!held.containsKey(tensor.name())) {
          reader.ledger().skip(tensor.name(), "held by other ranks");
        }
      }
      reader.ledger().finishShard();
    }
  }

  /// Who of all ranks saves what. Tells the others what this rank holds; all ranks call alike.
  SavePlan savePlan(Collectives world) {
    double[] mine =
        all.stream().filter(Held::saved).flatMapToDouble(block -> encode(block.block())).toArray();
    List<List<Block>> ranks = new ArrayList<>();
    for (double[] record : world.allGather(mine)) {
      ranks.add(decode(record));
    }
    return SavePlan.share(logical, ranks);
  }

  /// The tensor's number, then starts and extents; whole numbers below 2^53 are exact.
  private DoubleStream encode(Block block) {
    double index = logical.indexOf(names.get(block.tensor()));
    return DoubleStream.concat(
        DoubleStream.of(index),
        DoubleStream.concat(
            Arrays.stream(block.start()).asDoubleStream(),
            Arrays.stream(block.extent()).asDoubleStream()));
  }

  private List<Block> decode(double[] record) {
    List<Block> blocks = new ArrayList<>();
    int next = 0;
    while (next < record.length) {
      LogicalTensor tensor = logical.get((int) record[next]);
      int dims = tensor.shape().rank();
      blocks.add(
          new Block(
              tensor.name(), longs(record, next + 1, dims), longs(record, next + 1 + dims, dims)));
      next += 1 + 2 * dims;
    }
    return blocks;
  }

  private static long[] longs(double[] record, int from, int count) {
    return Arrays.stream(record, from, from + count).mapToLong(value -> (long) value).toArray();
  }

  List<LogicalTensor> logical() {
    return logical;
  }

  /// The bytes of a block of whole rows of a block that this rank holds, which is all that a save plan asks for.
  @Override
  public MemorySegment bytes(Block block) {
    for (Held candidate : held.getOrDefault(block.tensor(), List.of())) {
      if (isRowsOf(block, candidate.block())) {
        long rows = block.rank() == 0 ? 1 : Math.max(1, candidate.block().extent(0));
        long row = candidate.memory().byteSize() / rows;
        long first = block.rank() == 0 ? 0 : block.start(0) - candidate.block().start(0);
        long count = block.rank() == 0 ? 1 : block.extent(0);
        return candidate.memory().asSlice(first * row, count * row);
      }
    }
    throw new IllegalArgumentException(block + " is not a run of whole rows that this rank holds");
  }

  private static boolean isRowsOf(Block rows, Block of) {
    for (int d = 0; d < rows.rank(); d++) {
      boolean inside =
          d == 0
              ? rows.start(0) >= of.start(0) && rows.end(0) <= of.end(0)
              : rows.start(d) == of.start(d) && rows.extent(d) == of.extent(d);
      if (!inside) {
        return false;
      }
    }
    return true;
  }
}
