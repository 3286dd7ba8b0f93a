package dev.bellows.checkpointing;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Who writes what: for each writer the blocks it stores, in the order it stores them. Each element of each tensor is in exactly one
/// block; both ways to make a plan check it. Immutable.
public final class SavePlan {
  private final List<LogicalTensor> tensors;
  private final List<List<Block>> writers;

  private SavePlan(List<LogicalTensor> tensors, List<List<Block>> writers) {
    this.tensors = List.copyOf(tensors);
    this.writers = writers.stream().map(List::copyOf).toList();
    check();
  }

  /// A plan for state that every writer holds whole, see [#share].
  public static SavePlan balance(List<LogicalTensor> tensors, int writers) {
    if (writers < 1) {
      throw new IllegalArgumentException("a save needs at least one writer, not " + writers);
    }
    List<Block> whole = tensors.stream().map(Block::whole).toList();
    return share(tensors, Collections.nCopies(writers, whole));
  }

  /// A plan for state of which `held` says, for each writer, what it has in memory; two blocks of one tensor are equal or apart. What several writers
  /// hold is shared among them: the bytes of all blocks that the same writers hold, laid end to end, are cut into equal runs, and a cut inside a
  /// block moves to the nearest border of its dim 0. A pure function of its arguments. Errors: as [#of].
  public static SavePlan share(List<LogicalTensor> tensors, List<List<Block>> held) {
    Map<Block, List<Integer>> holders = new LinkedHashMap<>();
    for (int writer = 0; writer < held.size(); writer++) {
      for (Block block : held.get(writer)) {
        holders.computeIfAbsent(block, first -> new ArrayList<>()).add(writer);
      }
    }
    Map<List<Integer>, List<Block>> alike = new LinkedHashMap<>();
    holders.forEach(
        (block, writers) -> alike.computeIfAbsent(writers, first -> new ArrayList<>()).add(block));
    List<List<Block>> plan = new ArrayList<>();
    held.forEach(writer -> plan.add(new ArrayList<>()));
    Map<String, LogicalTensor> names = byName(tensors);
    alike.forEach(
        (writers, blocks) -> deal(names, blocks, writers.stream().map(plan::get).toList()));
    Map<String, Integer> places = new HashMap<>();
    names.keySet().forEach(name -> places.put(name, places.size()));
    Comparator<Block> order =
        Comparator.<Block>comparingInt(block -> places.getOrDefault(block.tensor(), 0))
            .thenComparing(Block::start, Arrays::compare);
    plan.forEach(blocks -> blocks.sort(order));
    return new SavePlan(tensors, plan);
  }

  /// Shares `blocks` out to `writers`.
  private static void deal(
      Map<String, LogicalTensor> names, List<Block> blocks, List<List<Block>> writers) {
    long[] bytes = new long[blocks.size()];
    long total = 0;
    for (int i = 0; i < bytes.length; i++) {
      LogicalTensor tensor = names.get(blocks.get(i).tensor());
      bytes[i] = tensor == null ? 0 : blocks.get(i).elements() * tensor.dtype().bytes();
      total = Math.addExact(total, bytes[i]);
    }
    long before = 0;
    for (int i = 0; i < bytes.length; i++) {
      cut(blocks.get(i), bytes[i], before, total, writers);
      before += bytes[i];
    }
  }

  /// Deals `block` of `bytes` bytes, which starts at byte `before` of `total`, to `writers`.
  private static void cut(
      Block block, long bytes, long before, long total, List<List<Block>> writers) {
    if (bytes == 0) {
      writers.getFirst().add(block);
      return;
    }
    long rows = block.rank() == 0 ? 1 : block.extent(0);
    long row = bytes / rows;
    long from = 0;
    for (int writer = 0; writer < writers.size() && from < rows; writer++) {
      long border = border(total, writer + 1, writers.size());
      long to =
          writer == writers.size() - 1
              ? rows
              : Math.clamp(Math.ceilDiv(2 * (border - before) - row, 2 * row), from, rows);
      if (to > from) {
        writers.get(writer).add(block.part(from, to));
        from = to;
      }
    }
  }

  private static long border(long total, int writer, int writers) {
    return total / writers * writer + total % writers * writer / writers;
  }

  /// The general plan: `owned` holds for each writer the blocks it stores. Errors: a block outside its tensor, an element in no block or
  /// in several is an [IllegalArgumentException] that names it.
  public static SavePlan of(List<LogicalTensor> tensors, List<List<Block>> owned) {
    return new SavePlan(tensors, owned);
  }

  private void check() {
    List<Block> all = new ArrayList<>();
    writers.forEach(all::addAll);
    Optional<Problem> problem = check(byName(tensors), all);
    if (problem.isPresent()) {
      throw new IllegalArgumentException(
          "this plan cannot be saved: tensor "
              + problem.get().tensor()
              + ": "
              + problem.get().message());
    }
  }

  /// The first tensor that `blocks` do not cover exactly once.
  static Optional<Problem> check(Map<String, LogicalTensor> tensors, List<Block> blocks) {
    Map<String, List<Block>> byTensor = new HashMap<>();
    for (Block block : blocks) {
      LogicalTensor tensor = tensors.get(block.tensor());
      Optional<String> misfit =
          tensor == null ? Optional.of("is in no list of tensors") : block.misfit(tensor);
      if (misfit.isPresent()) {
        return Optional.of(new Problem(Format.MANIFEST, block.tensor(), -1, 0, misfit.get()));
      }
      byTensor.computeIfAbsent(block.tensor(), name -> new ArrayList<>()).add(block);
    }
    for (LogicalTensor tensor : tensors.values()) {
      Optional<String> gap =
          Coverage.exactlyOnce(tensor, byTensor.getOrDefault(tensor.name(), List.of()));
      if (gap.isPresent()) {
        return Optional.of(new Problem(Format.MANIFEST, tensor.name(), -1, 0, gap.get()));
      }
    }
    return Optional.empty();
  }

  static Map<String, LogicalTensor> byName(List<LogicalTensor> tensors) {
    Map<String, LogicalTensor> names = new LinkedHashMap<>();
    for (LogicalTensor tensor : tensors) {
      if (names.put(tensor.name(), tensor) != null) {
        throw new IllegalArgumentException("two tensors are named " + tensor.name());
      }
    }
    return names;
  }

  /// All tensors of the checkpoint.
  public List<LogicalTensor> tensors() {
    return tensors;
  }

  /// Number of writers.
  public int writers() {
    return writers.size();
  }

  /// What `writer` stores; may be empty.
  public List<Block> blocks(int writer) {
    return writers.get(writer);
  }

  /// Payload bytes of `writer`.
  public long bytes(int writer) {
    Map<String, LogicalTensor> names = byName(tensors);
    return blocks(writer).stream()
        .mapToLong(block -> block.elements() * names.get(block.tensor()).dtype().bytes())
        .sum();
  }
}
