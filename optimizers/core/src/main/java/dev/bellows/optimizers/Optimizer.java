package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/// Applies an [UpdateRule] to flat buffers and owns the state beside them.
///
/// Neighbouring parameters of equal decay are updated by one fused kernel call, their zero padding with them. Owns the state until
/// [#close]; borrows values and gradients, which must live as long. Threads: one at a time.
public final class Optimizer implements AutoCloseable {
  /// Elements that are updated by one call: a flat run, or one parameter of its logical shape.
  private record Piece(boolean decayed, Tensor values, Tensor gradients, List<Tensor> state) {}

  private final Backend backend;
  private final UpdateRule rule;
  private final List<ParameterSpan> spans;
  private final List<Tensor> state = new ArrayList<>();
  private final List<Piece> pieces = new ArrayList<>();

  /// An optimizer at step 0, its state all zero.
  ///
  /// Shapes: `flatValues` and `flatGradients` [N]. `spans` lie inside, in ascending order and apart; what lies between
  /// them is zero in both buffers. Errors: [IllegalArgumentException] when they do not.
  public Optimizer(
      Backend backend,
      UpdateRule rule,
      List<ParameterSpan> spans,
      Tensor flatValues,
      Tensor flatGradients) {
    this.backend = Objects.requireNonNull(backend, "backend");
    this.rule = Objects.requireNonNull(rule, "rule");
    this.spans = List.copyOf(spans);
    check(this.spans, flatValues, flatGradients);
    try {
      for (int i = 0; i < rule.stateNames().size(); i++) {
        Tensor zeros = backend.allocate(flatValues.dtype(), flatValues.shape(), Category.OPTIMIZER);
        state.add(zeros);
        backend.fill(zeros, 0);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
    if (rule.need() == Need.ELEMENT) {
      addRuns(flatValues, flatGradients);
    } else {
      this.spans.forEach(
          span ->
              addPiece(
                  span.decayed(), span.offset(), span.shape().dims(), flatValues, flatGradients));
    }
  }

  private static void check(List<ParameterSpan> spans, Tensor values, Tensor gradients) {
    if (values.shape().rank() != 1
        || !values.shape().equals(gradients.shape())
        || values.dtype() != gradients.dtype()) {
      throw new IllegalArgumentException(
          "flat values and gradients should be alike and have one dim, not "
              + values
              + " and "
              + gradients);
    }
    Set<String> names = new HashSet<>();
    long end = 0;
    for (ParameterSpan span : spans) {
      if (!names.add(span.name())) {
        throw new IllegalArgumentException("two parameters are called " + span.name());
      }
      if (span.offset() < end) {
        throw new IllegalArgumentException(
            "parameter "
                + span.name()
                + " starts at element "
                + span.offset()
                + " before its predecessor's end, "
                + end);
      }
      end = span.end();
    }
    if (end > values.elements()) {
      throw new IllegalArgumentException(
          "parameter "
              + spans.getLast().name()
              + " ends at element "
              + end
              + " of flat buffers of "
              + values.elements());
    }
  }

  private void addRuns(Tensor values, Tensor gradients) {
    int first = 0;
    for (int i = 1; i <= spans.size(); i++) {
      if (i == spans.size() || spans.get(i).decayed() != spans.get(first).decayed()) {
        long start = spans.get(first).offset();
        long length = spans.get(i - 1).end() - start;
        addPiece(spans.get(first).decayed(), start, new long[] {length}, values, gradients);
        first = i;
      }
    }
  }

  private void addPiece(
      boolean decayed, long offset, long[] dims, Tensor values, Tensor gradients) {
    List<Tensor> parts = state.stream().map(flat -> flat.slice(offset, dims)).toList();
    pieces.add(
        new Piece(decayed, values.slice(offset, dims), gradients.slice(offset, dims), parts));
  }

  /// The update rule.
  public UpdateRule rule() {
    return rule;
  }

  /// The parameters' places, which hold in values, gradients and state alike.
  public List<ParameterSpan> spans() {
    return spans;
  }

  /// The state tensors [N], at the same offsets as the values, in the order of [#stateNames]; owned by this optimizer. A restore writes
  /// them.
  public List<Tensor> state() {
    return List.copyOf(state);
  }

  /// Names of the state tensors.
  public List<String> stateNames() {
    return rule.stateNames();
  }

  /// Kernel calls of one step.
  public int callsPerStep() {
    return pieces.size();
  }

  /// Updates values and state in place from the gradients, which stay as they are.
  ///
  /// @param step t, counted from 1
  /// @param learningRate already scheduled
  /// @param gradientScale factor on the gradients: clipping, and the inverse of the loss scale
  public void step(long step, double learningRate, double gradientScale) {
    Checks.atLeast("the optimizer's step", step, 1);
    for (Piece piece : pieces) {
      UpdateContext context =
          new UpdateContext(backend, step, learningRate, gradientScale, piece.decayed());
      rule.apply(context, piece.values(), piece.gradients(), piece.state());
    }
  }

  /// Releases the state.
  @Override
  public void close() {
    state.forEach(Tensor::release);
    state.clear();
    pieces.clear();
  }
}
