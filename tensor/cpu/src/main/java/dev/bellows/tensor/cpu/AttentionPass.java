package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.cpu.AttentionPlan.BackwardStep;
import dev.bellows.tensor.cpu.AttentionPlan.ForwardStep;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Attention in blocks (Dao et al. 2022): one tile for each sequence and head, probabilities recomputed in the backward pass.
///
/// Queries, keys and values are read where they lie in the packed rows.
final class AttentionPass implements AutoCloseable {
  private static final int BLOCK = AttentionPlan.QUERY_BLOCK;

  /// Bytes from a row's running maximum to its running sum.
  private static final long SUMS = 4L * BLOCK;

  private final ComputeTeam team;
  private final Products products;
  private final Workspace scratch;
  private final Map<Attention, AttentionPlan> plans = new HashMap<>();

  AttentionPass(ComputeTeam team, Products products, MemoryPool memory) {
    this.team = team;
    this.products = products;
    this.scratch = new Workspace(memory, team.threads());
  }

  private AttentionPlan plan(Attention spec) {
    AttentionPlan plan = plans.computeIfAbsent(spec, key -> new AttentionPlan(key, products));
    scratch.require(2 * plan.blockBytes() + 2 * SUMS);
    return plan;
  }

  /// Below about 30 µs of one core the others are not woken.
  private static boolean isLarge(Attention spec) {
    return (double) spec.batch() * spec.heads() * spec.time() * spec.time() * spec.headWidth()
        >= 1 << 20;
  }

  /// Drops the plans, because their products are about to be freed.
  void forget() {
    plans.clear();
  }

  void forward(Attention spec, long qkv, long out, long logSumExp) {
    AttentionPlan plan = plan(spec);
    List<ForwardStep> steps = plan.forward();
    team.run(
        isLarge(spec),
        spec.batch() * spec.heads(),
        (tile, worker) -> forwardHead(spec, plan, steps, tile, worker, qkv, out, logSumExp));
  }

  private void forwardHead(
      Attention spec,
      AttentionPlan plan,
      List<ForwardStep> steps,
      int tile,
      int worker,
      long qkv,
      long out,
      long logSumExp) {
    int batch = tile / spec.heads();
    int head = tile % spec.heads();
    long query = query(spec, qkv, batch, head);
    long key = key(spec, qkv, batch, head / (spec.heads() / spec.keyValueHeads()));
    long value = key + 4L * spec.keyValueHeads() * spec.headWidth();
    long result = output(spec, out, batch, head);
    long rowBytes = 4L * spec.packedWidth();
    long outBytes = 4L * spec.heads() * spec.headWidth();
    long scores = scratch.address(worker);
    long state = scores + 2 * plan.blockBytes();
    for (int i = 0; i < steps.size(); i++) {
      ForwardStep step = steps.get(i);
      long target = result + outBytes * step.row();
      products.execute(
          step.scores(),
          worker,
          query + rowBytes * step.row(),
          key + rowBytes * step.column(),
          0,
          scores);
      softmaxRows(spec, step, scores, 4L * plan.stride(), state, target, outBytes);
      products.execute(step.values(), worker, scores, value + rowBytes * step.column(), 0, target);
      if (i + 1 == steps.size() || steps.get(i + 1).row() != step.row()) {
        finishRows(
            spec,
            step,
            state,
            target,
            outBytes,
            logSumExp + 4L * ((long) tile * spec.time() + step.row()));
      }
    }
  }

  private static void softmaxRows(
      Attention spec,
      ForwardStep step,
      long scores,
      long stride,
      long state,
      long target,
      long outBytes) {
    float scale = scale(spec);
    for (int r = 0; r < step.rows(); r++) {
      int visible = visible(spec, step.row() + r, step.column(), step.columns());
      AttentionKernels.onlineSoftmax(
          scores + stride * r,
          visible,
          step.columns(),
          scale,
          step.column() == 0,
          state + 4L * r,
          SUMS,
          target + outBytes * r,
          spec.headWidth());
    }
  }

  private static void finishRows(
      Attention spec, ForwardStep step, long state, long target, long outBytes, long logSumExp) {
    for (int r = 0; r < step.rows(); r++) {
      float maximum = ALL.get(JAVA_FLOAT, state + 4L * r);
      float sum = ALL.get(JAVA_FLOAT, state + SUMS + 4L * r);
      ElementwiseKernels.scale(target + outBytes * r, spec.headWidth(), 1 / sum);
      ALL.set(JAVA_FLOAT, logSumExp + 4L * r, (float) (maximum + StrictMath.log(sum)));
    }
  }

  void backward(Attention spec, long qkv, long out, long logSumExp, long dout, long dqkv) {
    AttentionPlan plan = plan(spec);
    List<BackwardStep> steps = plan.backward();
    // Heads that share keys add to the same gradients, so one tile takes them all, in order.
    int group = spec.heads() / spec.keyValueHeads();
    team.run(
        isLarge(spec),
        spec.batch() * spec.keyValueHeads(),
        (tile, worker) -> {
          for (int i = 0; i < group; i++) {
            int batch = tile / spec.keyValueHeads();
            int head = tile % spec.keyValueHeads() * group + i;
            backwardHead(
                spec, plan, steps, batch, head, i == 0, worker, qkv, out, logSumExp, dout, dqkv);
          }
        });
  }

  private void backwardHead(
      Attention spec,
      AttentionPlan plan,
      List<BackwardStep> steps,
      int batch,
      int head,
      boolean firstOfGroup,
      int worker,
      long qkv,
      long out,
      long logSumExp,
      long dout,
      long dqkv) {
    int shared = head / (spec.heads() / spec.keyValueHeads());
    long valueOffset = 4L * spec.keyValueHeads() * spec.headWidth();
    long query = query(spec, qkv, batch, head);
    long key = key(spec, qkv, batch, shared);
    long queryGradient = query(spec, dqkv, batch, head);
    long keyGradient = key(spec, dqkv, batch, shared);
    long rowBytes = 4L * spec.packedWidth();
    long outBytes = 4L * spec.heads() * spec.headWidth();
    long logSums = logSumExp + 4L * ((long) batch * spec.heads() + head) * spec.time();
    long scores = scratch.address(worker);
    long gradients = scores + plan.blockBytes();
    long deltas = gradients + plan.blockBytes();
    for (int i = 0; i < steps.size(); i++) {
      BackwardStep step = steps.get(i);
      long q = query + rowBytes * step.row();
      long k = key + rowBytes * step.column();
      long dk = keyGradient + rowBytes * step.column();
      long rowGradient = output(spec, dout, batch, head) + outBytes * step.row();
      if (step.column() == 0) {
        deltas(
            rowGradient,
            output(spec, out, batch, head) + outBytes * step.row(),
            outBytes,
            step.rows(),
            spec.headWidth(),
            deltas);
      }
      products.execute(step.scores(), worker, q, k, 0, scores);
      products.execute(step.probabilities(), worker, rowGradient, k + valueOffset, 0, gradients);
      gradientRows(
          spec, step, scores, gradients, 4L * plan.stride(), logSums + 4L * step.row(), deltas);
      products.execute(
          firstOfGroup ? step.firstValues() : step.values(),
          worker,
          scores,
          rowGradient,
          0,
          dk + valueOffset);
      products.execute(firstOfGroup ? step.firstKeys() : step.keys(), worker, gradients, q, 0, dk);
      products.execute(
          step.queries(), worker, gradients, k, 0, queryGradient + rowBytes * step.row());
    }
  }

  /// `deltas[r] = dout[r] · out[r]`.
  private static void deltas(long dout, long out, long outBytes, int rows, int width, long deltas) {
    for (int r = 0; r < rows; r++) {
      ALL.set(
          JAVA_FLOAT,
          deltas + 4L * r,
          AttentionKernels.dot(dout + outBytes * r, out + outBytes * r, width));
    }
  }

  private static void gradientRows(
      Attention spec,
      BackwardStep step,
      long scores,
      long gradients,
      long stride,
      long logSums,
      long deltas) {
    float scale = scale(spec);
    for (int r = 0; r < step.rows(); r++) {
      int visible = visible(spec, step.row() + r, step.column(), step.columns());
      float logSumExp = ALL.get(JAVA_FLOAT, logSums + 4L * r);
      float delta = ALL.get(JAVA_FLOAT, deltas + 4L * r);
      AttentionKernels.backwardRow(
          scores + stride * r,
          gradients + stride * r,
          visible,
          step.columns(),
          scale,
          logSumExp,
          delta);
    }
  }

  /// Keys of a chunk that the query at `position` sees.
  private static int visible(Attention spec, int position, int column, int columns) {
    return spec.causal() ? Math.min(columns, position + 1 - column) : columns;
  }

  private static float scale(Attention spec) {
    return (float) (1 / Math.sqrt(spec.headWidth()));
  }

  private static long query(Attention spec, long base, int batch, int head) {
    return base
        + 4L * ((long) batch * spec.time() * spec.packedWidth() + (long) head * spec.headWidth());
  }

  private static long key(Attention spec, long base, int batch, int head) {
    return query(spec, base, batch, spec.heads() + head);
  }

  private static long output(Attention spec, long base, int batch, int head) {
    return base + 4L * ((long) batch * spec.time() * spec.heads() + head) * spec.headWidth();
  }

  @Override
  public void close() {
    scratch.close();
  }
}
