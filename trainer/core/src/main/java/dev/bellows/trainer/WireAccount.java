package dev.bellows.trainer;

import dev.bellows.nn.Precision;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.BatchTree;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.parallelism.plan.ShardingPlan.Held;
import dev.bellows.parallelism.plan.Stages;
import dev.bellows.trainer.config.RunConfig;
import java.util.List;

/// What a worker sends in one step, from shapes alone. An all-reduce of N bytes over p ranks is a reduce-scatter and an all-gather, each of which sends
/// (p - 1) / p · N; activations travel as F32.
final class WireAccount {
  private final RunConfig config;
  private final Mesh mesh;
  private final ShardingPlan sharding;
  private final UnitCosts costs;
  private final int microBatches;

  WireAccount(RunConfig config, ShardingPlan sharding, UnitCosts costs, int microBatches) {
    this.config = config;
    this.mesh = sharding.mesh();
    this.sharding = sharding;
    this.costs = costs;
    this.microBatches = microBatches;
  }

  /// Bytes that the worker at (`stage`, `tensorRank`) sends under ZeRO stage `zero`, the most of any data and context rank.
  WireBytes bytes(int stage, int tensorRank, int zero) {
    List<Held> held = sharding.held(stage, tensorRank);
    long values = 0;
    long gradients = 0;
    for (Held one : held) {
      long elements = one.shard().localShape().elements();
      // A parameter that two stages hold has a use, and so a gradient of its own, on each.
      boolean used = sharding.stages().stageOfUnit(one.placement().unit()) == stage;
      gradients += used ? elements : 0;
      values += one.placement().parameter().isTied() ? 0 : elements;
    }
    return new WireBytes(
        pipeline(stage, held),
        data(values, gradients, zero),
        context(held, gradients),
        tensor(stage, held));
  }

  /// Most terms of the batch tree over `groups` groups that one of `ranks` data ranks sends.
  static int terms(int groups, int ranks) {
    BatchTree tree = new BatchTree(groups, ranks);
    int terms = 0;
    for (int rank = 0; rank < ranks; rank++) {
      terms = Math.max(terms, tree.terms(rank).size());
    }
    return terms;
  }

  /// (p - 1) / p of `bytes`.
  private static long part(long bytes, int ranks) {
    return bytes * (ranks - 1) / ranks;
  }

  /// Bytes of a row's `elements` over all rows of a micro-batch that this rank sees.
  private long rows(long elements) {
    return Float.BYTES * elements * config.batch().micro() * costs.rowsPerSample() / mesh.context();
  }

  private long data(long values, long gradients, int zero) {
    int ranks = mesh.data();
    int terms = terms(config.batch().groups(), ranks);
    long scattered = part(Float.BYTES * gradients, ranks) * (zero < 2 ? terms : microBatches);
    long operandBytes = config.train().precision() == Precision.F32 ? Float.BYTES : 2;
    long gathered =
        switch (zero) {
          case 0 -> part(Float.BYTES * gradients, ranks);
          case 1, 2 -> part(Float.BYTES * values, ranks);
          // For forward and again for backward of each micro-batch.
          default -> 2L * microBatches * part(operandBytes * values, ranks);
        };
    return scattered + gathered;
  }

  private long pipeline(int stage, List<Held> held) {
    Stages stages = sharding.stages();
    long perMicroBatch = 0;
    for (int chunk = stage; chunk < stages.chunks(); chunk += stages.pipeline()) {
      if (chunk + 1 < stages.chunks()) {
        perMicroBatch += boundary(stages.firstLayers().get(chunk + 1));
      }
      if (chunk > 0) {
        perMicroBatch += boundary(stages.firstLayers().get(chunk));
      }
    }
    long shared =
        held.stream()
            .filter(one -> one.placement().stages().size() > 1)
            .filter(one -> one.placement().parameter().isTied())
            .mapToLong(one -> one.shard().localShape().elements())
            .sum();
    return mesh.pipeline() == 1 ? 0 : perMicroBatch * microBatches + Float.BYTES * shared;
  }

  /// Bytes of what unit `unit`, the last of a chunk, hands on. With sequence parallelism each tensor rank sends its own positions, and behind a
  /// column-parallel layer its own columns.
  private long boundary(int unit) {
    boolean split = config.parallel().sequence() || costs.shared().get(unit) == 0;
    return rows(costs.widths().get(unit)) / (split ? mesh.tensor() : 1);
  }

  private long context(List<Held> held, long gradients) {
    int ranks = mesh.context();
    long rowElements =
        held.stream()
            .filter(one -> one.placement().split() == Split.HEADS)
            .filter(one -> one.placement().parameter().shape().rank() == 2)
            .mapToLong(one -> one.shard().pieces().get(1).extent() * 2)
            .sum();
    // Keys and values go round for forward and for backward; their gradients come back.
    return 3L * (ranks - 1) * rows(rowElements) * microBatches
        + 2 * part(Float.BYTES * gradients, ranks);
  }

  private long tensor(int stage, List<Held> held) {
    int ranks = mesh.tensor();
    long once = 0;
    boolean sequence = config.parallel().sequence();
    if (sequence) {
      // Norms have seen other positions on each rank.
      once =
          held.stream()
              .filter(one -> one.placement().split() == Split.REPLICATED)
              .mapToLong(one -> one.shard().localShape().elements())
              .sum();
    }
    long perMicroBatch =
        sharding.stages().units(stage).stream()
            .mapToLong(unit -> part(crossing(unit, sequence), ranks))
            .sum();
    return perMicroBatch * microBatches + 2 * part(Float.BYTES * once, ranks) + copies(held);
  }

  /// Bytes for the sum of the gradients of key and value heads that several tensor ranks hold, each of which has seen other queries.
  private static long copies(List<Held> held) {
    long bytes = 0;
    for (Held one : held) {
      if (one.placement().split() == Split.HEADS) {
        long perRow = one.shard().shape().elements() / one.shard().shape().dim(0);
        for (Piece piece : one.shard().pieces()) {
          bytes += 2 * part(Float.BYTES * piece.extent() * perRow, piece.copies());
        }
      }
    }
    return bytes;
  }

  /// Bytes of all tensors that are gathered or scattered in `unit`, an all-reduce counted twice.
  private long crossing(int unit, boolean sequence) {
    int layers = costs.traits().layers();
    long wide = rows(costs.widths().get(unit));
    return switch (costs.traits().family()) {
      case GPT, LLAMA -> {
        if (unit == 0) {
          yield sequence ? wide : 2 * wide;
        } else if (unit <= layers) {
          // Two branches, a sum each in forward and in backward; with sequence parallelism two
          // gathers more, so that inputs need not be kept whole.
          yield (sequence ? 10 : 8) * wide;
        }
        // The gradient of the head's input, and three numbers of each row for the loss.
        yield (sequence ? 3 : 2) * wide + 2 * rows(3);
      }
      case MLP -> perceptron(unit, layers, wide);
      case WHOLE -> 0;
    };
  }

  /// A row-parallel layer sums its outputs in forward; a column-parallel one the gradients of its inputs in backward, if it has any, and as the last
  /// layer three numbers of each row for the loss.
  private long perceptron(int unit, int layers, long wide) {
    if (unit == 0 || unit > layers) {
      return 0;
    }
    if (unit % 2 == 0) {
      return 2 * wide;
    }
    return 2 * (unit > 1 ? rows(costs.widths().get(unit - 1)) : 0)
        + 2 * (unit == layers ? rows(3) : 0);
  }
}
