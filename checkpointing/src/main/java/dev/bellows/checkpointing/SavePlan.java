package dev.bellows.checkpointing;

import java.util.ArrayList;
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

  /// A plan for state that every writer holds whole. The tensors' bytes, laid end to end, are cut into `writers` equal runs; a cut inside
  /// a tensor moves to the nearest border of its dim 0. A pure function of its arguments.
  public static SavePlan balance(List<LogicalTensor> tensors, int writers) {
    if (writers < 1) {
      throw new IllegalArgumentException("a save needs at least one writer, not " + writers);
    }
    long total = 0;
    for (LogicalTensor tensor : tensors) {
      total = Math.addExact(total, tensor.bytes());
    }
    List<List<Block>> plan = new ArrayList<>();
    for (int writer = 0; writer < writers; writer++) {
      plan.add(new ArrayList<>());
    }
    long before = 0;
    for (LogicalTensor tensor : tensors) {
      cut(tensor, before, total, plan);
      before += tensor.bytes();
    }
    return new SavePlan(tensors, plan);
  }

  /// Deals `tensor`, which starts at byte `before` of `total`, to the writers.
  private static void cut(LogicalTensor tensor, long before, long total, List<List<Block>> plan) {
    int writers = plan.size();
    if (tensor.bytes() == 0) {
      plan.getFirst().add(Block.whole(tensor));
      return;
    }
    boolean divisible = tensor.shape().rank() > 0;
    long rows = divisible ? tensor.shape().dim(0) : 1;
    long row = tensor.bytes() / rows;
    long from = 0;
    for (int writer = 0; writer < writers && from < rows; writer++) {
      long border = share(total, writer + 1, writers);
      long to =
          writer == writers - 1
              ? rows
              : Math.clamp(Math.ceilDiv(2 * (border - before) - row, 2 * row), from, rows);
      if (to > from) {
        plan.get(writer).add(divisible ? Block.rows(tensor, from, to) : Block.whole(tensor));
        from = to;
      }
    }
  }

  private static long share(long total, int writer, int writers) {
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
