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
/// What a head reads, and where it lies, is an [AttentionHead]'s business.
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
    long scratchpad = scratch.address(worker);
    AttentionHead operands =
        AttentionHead.forward(spec, plan, batch, head, qkv, scratchpad + 2 * SUMS);
    long result = AttentionHead.output(spec, out, batch, head);
    long outBytes = 4L * spec.heads() * spec.headWidth();
    long scores = operands.scores();
    for (int i = 0; i < steps.size(); i++) {
      ForwardStep step = steps.get(i);
      long target = result + outBytes * step.row();
      products.execute(
          step.scores(),
          worker,
          operands.query(step.row()),
          operands.key(step.column()),
          0,
          scores);
      softmaxRows(spec, step, scores, 4L * plan.stride(), scratchpad, target, outBytes);
      long probabilities = operands.rounded(scores, step.rows() * plan.stride());
      products.execute(
          step.values(), worker, probabilities, operands.value(step.column()), 0, target);
      if (i + 1 == steps.size() || steps.get(i + 1).row() != step.row()) {
        finishRows(
            spec,
            step,
            scratchpad,
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
    long deltas = scratch.address(worker);
    AttentionHead operands =
        AttentionHead.backward(spec, plan, batch, head, qkv, dout, deltas + 2 * SUMS);
    AttentionHead results = AttentionHead.inPlace(spec, batch, head, dqkv, 0, 0);
    long outBytes = 4L * spec.heads() * spec.headWidth();
    long outputs = AttentionHead.output(spec, out, batch, head);
    long outputGradients = AttentionHead.output(spec, dout, batch, head);
    long logSums = logSumExp + 4L * ((long) batch * spec.heads() + head) * spec.time();
    long scores = operands.scores();
    long gradients = scores + plan.blockBytes();
    for (int i = 0; i < steps.size(); i++) {
      BackwardStep step = steps.get(i);
      long q = operands.query(step.row());
      long k = operands.key(step.column());
      long rowGradient = operands.gradient(step.row());
      if (step.column() == 0) {
        deltas(
            outputGradients + outBytes * step.row(),
            outputs + outBytes * step.row(),
            outBytes,
            step.rows(),
            spec.headWidth(),
            deltas);
      }
      products.execute(step.scores(), worker, q, k, 0, scores);
      products.execute(
          step.probabilities(), worker, rowGradient, operands.value(step.column()), 0, gradients);
      gradientRows(
          spec, step, scores, gradients, 4L * plan.stride(), logSums + 4L * step.row(), deltas);
      int elements = step.rows() * plan.stride();
      products.execute(
          firstOfGroup ? step.firstValues() : step.values(),
          worker,
          operands.rounded(scores, elements),
          rowGradient,
          0,
          results.value(step.column()));
      long dscores = operands.rounded(gradients, elements);
      products.execute(
          firstOfGroup ? step.firstKeys() : step.keys(),
          worker,
          dscores,
          q,
          0,
          results.key(step.column()));
      products.execute(step.queries(), worker, dscores, k, 0, results.query(step.row()));
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

  @Override
  public void close() {
    scratch.close();
  }
}
