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
/// Queries, keys and values are read where they lie in the packed rows. F32 results are summed where they lie, BF16 results in F32 in the
/// worker's scratch, and rounded once.
final class AttentionPass implements AutoCloseable {
  private static final int BLOCK = AttentionPlan.QUERY_BLOCK;

  /// Bytes from a row's running maximum to its running sum.
  private static final long SUMS = 4L * BLOCK;

  private record Key(Attention spec, boolean half) {}

  private final ComputeTeam team;
  private final Products products;
  private final Workspace scratch;
  private final Map<Key, AttentionPlan> plans = new HashMap<>();

  AttentionPass(ComputeTeam team, Products products, MemoryPool memory) {
    this.team = team;
    this.products = products;
    this.scratch = new Workspace(memory, team.threads());
  }

  private AttentionPlan plan(Attention spec, boolean half) {
    AttentionPlan plan =
        plans.computeIfAbsent(
            new Key(spec, half), key -> new AttentionPlan(key.spec, key.half, products));
    scratch.require(2 * SUMS + plan.scratchBytes());
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

  void forward(Attention spec, boolean half, long qkv, long out, long logSumExp) {
    AttentionPlan plan = plan(spec, half);
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
    int bytes = plan.half() ? 2 : 4;
    int batch = tile / spec.heads();
    int head = tile % spec.heads();
    AttentionHead operands = AttentionHead.packed(spec, bytes, qkv, batch, head);
    long result = AttentionHead.output(spec, bytes, out, batch, head);
    long resultBytes = (long) bytes * spec.heads() * spec.headWidth();
    long state = scratch.address(worker);
    long scores = state + 2 * SUMS;
    long halves = scores + 2 * plan.blockBytes();
    long sums = halves + plan.blockBytes();
    long targetBytes = 4L * plan.outStride();
    for (int i = 0; i < steps.size(); i++) {
      ForwardStep step = steps.get(i);
      long rows = result + resultBytes * step.row();
      long target = plan.half() ? sums : rows;
      products.execute(
          step.scores(),
          worker,
          operands.query(step.row()),
          operands.key(step.column()),
          0,
          scores);
      softmaxRows(spec, step, scores, 4L * plan.stride(), state, target, targetBytes);
      products.execute(
          step.values(),
          worker,
          operand(plan, scores, halves, step.rows(), step.columns()),
          operands.value(step.column()),
          0,
          target);
      if (i + 1 == steps.size() || steps.get(i + 1).row() != step.row()) {
        finishRows(
            spec,
            step,
            state,
            target,
            targetBytes,
            rows,
            resultBytes,
            logSumExp + 4L * ((long) tile * spec.time() + step.row()));
      }
    }
  }

  /// A block of scores as an operand: itself, or rounded to BF16 into `halves`.
  private static long operand(AttentionPlan plan, long block, long halves, int rows, int columns) {
    if (!plan.half()) {
      return block;
    }
    for (int r = 0; r < rows; r++) {
      long start = (long) r * plan.stride();
      HalfKernels.narrow(block + 4 * start, halves + 2 * start, columns);
    }
    return halves;
  }

  private static void softmaxRows(
      Attention spec,
      ForwardStep step,
      long scores,
      long stride,
      long state,
      long target,
      long targetBytes) {
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
          target + targetBytes * r,
          spec.headWidth());
    }
  }

  private static void finishRows(
      Attention spec,
      ForwardStep step,
      long state,
      long sums,
      long sumBytes,
      long rows,
      long rowBytes,
      long logSumExp) {
    for (int r = 0; r < step.rows(); r++) {
      float maximum = ALL.get(JAVA_FLOAT, state + 4L * r);
      float sum = ALL.get(JAVA_FLOAT, state + SUMS + 4L * r);
      if (sums == rows) {
        ElementwiseKernels.scale(rows + rowBytes * r, spec.headWidth(), 1 / sum);
      } else {
        HalfKernels.scaleTo(sums + sumBytes * r, 1 / sum, rows + rowBytes * r, spec.headWidth());
      }
      ALL.set(JAVA_FLOAT, logSumExp + 4L * r, (float) (maximum + StrictMath.log(sum)));
    }
  }

  void backward(
      Attention spec, boolean half, long qkv, long out, long logSumExp, long dout, long dqkv) {
    AttentionPlan plan = plan(spec, half);
    List<BackwardStep> steps = plan.backward();
    // Heads that share keys add to the same gradients, so one tile takes them all, in order.
    int group = spec.heads() / spec.keyValueHeads();
    team.run(
        isLarge(spec),
        spec.batch() * spec.keyValueHeads(),
        (tile, worker) -> {
          int batch = tile / spec.keyValueHeads();
          for (int i = 0; i < group; i++) {
            int head = tile % spec.keyValueHeads() * group + i;
            backwardHead(
                spec, plan, steps, batch, head, i == 0, worker, qkv, out, logSumExp, dout, dqkv);
            if (half) {
              roundGradients(spec, plan, batch, head, i + 1 == group, worker, dqkv);
            }
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
    int bytes = plan.half() ? 2 : 4;
    AttentionHead operands = AttentionHead.packed(spec, bytes, qkv, batch, head);
    AttentionHead results =
        plan.half()
            ? sums(spec, plan, worker)
            : AttentionHead.packed(spec, bytes, dqkv, batch, head);
    long rowBytes = (long) bytes * spec.heads() * spec.headWidth();
    long outputs = AttentionHead.output(spec, bytes, out, batch, head);
    long outputGradients = AttentionHead.output(spec, bytes, dout, batch, head);
    long logSums = logSumExp + 4L * ((long) batch * spec.heads() + head) * spec.time();
    long deltas = scratch.address(worker);
    long scores = deltas + 2 * SUMS;
    long gradients = scores + plan.blockBytes();
    long halves = gradients + plan.blockBytes();
    for (int i = 0; i < steps.size(); i++) {
      BackwardStep step = steps.get(i);
      long q = operands.query(step.row());
      long k = operands.key(step.column());
      long rowGradient = outputGradients + rowBytes * step.row();
      if (step.column() == 0) {
        deltas(
            plan.half(),
            rowGradient,
            outputs + rowBytes * step.row(),
            rowBytes,
            step.rows(),
            spec.headWidth(),
            deltas);
      }
      products.execute(step.scores(), worker, q, k, 0, scores);
      products.execute(
          step.probabilities(), worker, rowGradient, operands.value(step.column()), 0, gradients);
      gradientRows(
          spec, step, scores, gradients, 4L * plan.stride(), logSums + 4L * step.row(), deltas);
      products.execute(
          firstOfGroup ? step.firstValues() : step.values(),
          worker,
          operand(plan, scores, halves, step.rows(), step.columns()),
          rowGradient,
          0,
          results.value(step.column()));
      long scoreGradients = operand(plan, gradients, halves, step.rows(), step.columns());
      products.execute(
          firstOfGroup ? step.firstKeys() : step.keys(),
          worker,
          scoreGradients,
          q,
          0,
          results.key(step.column()));
      products.execute(step.queries(), worker, scoreGradients, k, 0, results.query(step.row()));
    }
  }

  private AttentionHead sums(Attention spec, AttentionPlan plan, int worker) {
    long base = scratch.address(worker) + 2 * SUMS + 3 * plan.blockBytes();
    return AttentionHead.sums(spec, base, plan.headBytes());
  }

  /// Rounds the sums of a head's query gradients, and after the last head of a group those of its keys and values.
  private void roundGradients(
      Attention spec,
      AttentionPlan plan,
      int batch,
      int head,
      boolean lastOfGroup,
      int worker,
      long dqkv) {
    AttentionHead sums = sums(spec, plan, worker);
    AttentionHead results = AttentionHead.packed(spec, 2, dqkv, batch, head);
    int width = spec.headWidth();
    for (int t = 0; t < spec.time(); t++) {
      HalfKernels.narrow(sums.query(t), results.query(t), width);
      if (lastOfGroup) {
        HalfKernels.narrow(sums.key(t), results.key(t), width);
        HalfKernels.narrow(sums.value(t), results.value(t), width);
      }
    }
  }

  /// `deltas[r] = dout[r] · out[r]`.
  private static void deltas(
      boolean half, long dout, long out, long rowBytes, int rows, int width, long deltas) {
    for (int r = 0; r < rows; r++) {
      long a = dout + rowBytes * r;
      long b = out + rowBytes * r;
      float delta = half ? HalfKernels.dot(a, b, width) : AttentionKernels.dot(a, b, width);
      ALL.set(JAVA_FLOAT, deltas + 4L * r, delta);
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

  @Override
  public void close() {
    scratch.close();
  }
}
