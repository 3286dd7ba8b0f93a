package dev.bellows.optimizers;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/// Applies [UpdateRule]s to flat buffers and owns the state beside them.
///
/// Neighbouring parameters of equal decay and treatment whose rule is element-wise are updated by one fused kernel call, their zero padding with
/// them. A rank that holds slices of parameters only ([#ofSlices]) keeps the state of those slices only. Owns the state, one buffer, until
/// [#close]; borrows values and gradients, which must live as long. Threads: one at a time.
public final class Optimizer implements AutoCloseable {
  /// Every state starts on 64 bytes, as parameters do.
  private static final long ALIGNMENT = 16;

  /// Elements that are updated by one call: a flat run, or one parameter of its logical shape.
  private record Piece(
      Treatment treatment, boolean decayed, Tensor values, Tensor gradients, List<Tensor> state) {}

  private final Backend backend;
  private final List<SliceSpan> spans;
  private final List<Treatment> treatments;
  private final List<Piece> pieces = new ArrayList<>();
  private final List<List<StateTensor>> states;
  private final Tensor buffer;
  private boolean closed;

  /// An optimizer at step 0 that updates all parameters by `rule`, its state all zero; the rest as below.
  public Optimizer(
      Backend backend,
      UpdateRule rule,
      List<ParameterSpan> spans,
      Tensor flatValues,
      Tensor flatGradients) {
    this(
        backend,
        spans,
        Collections.nCopies(spans.size(), Treatment.of(rule)),
        flatValues,
        flatGradients);
  }

  /// An optimizer at step 0, its state all zero, that updates each parameter by the treatment of the same index.
  ///
  /// Shapes: `flatValues` and `flatGradients` [N]. `spans` lie inside, in ascending order and apart; what lies between
  /// neighbours is zero in both buffers. Errors: [IllegalArgumentException] when they do not, or when a rule cannot update its parameter.
  public Optimizer(
      Backend backend,
      List<ParameterSpan> spans,
      List<Treatment> treatments,
      Tensor flatValues,
      Tensor flatGradients) {
    this(
        spans.stream().map(SliceSpan::of).toList(), treatments, backend, flatValues, flatGradients);
    if (!flatValues.shape().equals(flatGradients.shape())) {
      close();
      throw new IllegalArgumentException(
          "flat values and gradients should be alike, not " + flatValues + " and " + flatGradients);
    }
  }

  /// An optimizer of what one rank holds under ZeRO, at step 0, its state all zero: each slice is updated by the treatment of the same index.
  ///
  /// Shapes: `flatValues` [N], `flatGradients` [M]. `spans` lie inside both in ascending order and apart; slices fewer than 16 elements apart in both
  /// have only zeros between them, what lies between others is left alone. Errors: [IllegalArgumentException] when they do not fit, or when a rule
  /// that sees more than single elements is given a part of a parameter.
  public static Optimizer ofSlices(
      Backend backend,
      List<SliceSpan> spans,
      List<Treatment> treatments,
      Tensor flatValues,
      Tensor flatGradients) {
    return new Optimizer(spans, treatments, backend, flatValues, flatGradients);
  }

  private Optimizer(
      List<SliceSpan> spans,
      List<Treatment> treatments,
      Backend backend,
      Tensor flatValues,
      Tensor flatGradients) {
    this.backend = Objects.requireNonNull(backend, "backend");
    this.spans = List.copyOf(spans);
    this.treatments = List.copyOf(treatments);
    SpanChecks.check(this.spans, this.treatments, flatValues, flatGradients);
    this.states = new ArrayList<>(Collections.nCopies(spans.size(), List.of()));
    List<Run> runs = runs();
    long elements = 0;
    for (Run run : runs) {
      for (StateSpec spec : run.state()) {
        elements += aligned(spec.shape());
      }
    }
    this.buffer = backend.allocate(flatValues.dtype(), Shape.of(elements), Category.OPTIMIZER);
    try {
      backend.fill(buffer, 0);
      long offset = 0;
      for (Run run : runs) {
        offset = addPiece(run, flatValues, flatGradients, offset);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static long aligned(Shape shape) {
    return (shape.elements() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /// Parameters `first` to `end - 1`, updated by one call as a tensor of `shape`.
  private record Run(int first, int end, Treatment treatment, boolean decayed, Shape shape) {
    List<StateSpec> state() {
      return treatment.rule().state(shape);
    }
  }

  private List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= spans.size(); i++) {
      if (i == spans.size() || !merge(first, i)) {
        Treatment treatment = treatments.get(first);
        if (!treatment.frozen()) {
          runs.add(new Run(first, i, treatment, spans.get(first).decayed(), shape(first, i)));
        }
        first = i;
      }
    }
    return runs;
  }

  private boolean merge(int first, int next) {
    return treatments.get(first).rule().need() == Need.ELEMENT
        && treatments.get(first).equals(treatments.get(next))
        && spans.get(first).decayed() == spans.get(next).decayed()
        && areNeighbours(spans.get(next - 1), spans.get(next));
  }

  /// Whether nothing but padding lies between two spans, the same in both buffers.
  private static boolean areNeighbours(SliceSpan left, SliceSpan right) {
    long gap = right.valueOffset() - left.valueEnd();
    return gap < ALIGNMENT && gap == right.gradientOffset() - left.gradientEnd();
  }

  private Shape shape(int first, int end) {
    return treatments.get(first).rule().need() == Need.ELEMENT
        ? Shape.of(spans.get(end - 1).valueEnd() - spans.get(first).valueOffset())
        : spans.get(first).shape();
  }

  /// Returns the offset behind the run's states in the buffer.
  private long addPiece(Run run, Tensor values, Tensor gradients, long stateOffset) {
    SliceSpan first = spans.get(run.first());
    List<StateTensor> state = new ArrayList<>();
    long offset = stateOffset;
    for (StateSpec spec : run.state()) {
      state.add(new StateTensor(spec.name(), buffer.slice(offset, spec.shape().dims())));
      offset += aligned(spec.shape());
    }
    long[] dims = run.shape().dims();
    pieces.add(
        new Piece(
            run.treatment(),
            run.decayed(),
            values.slice(first.valueOffset(), dims),
            gradients.slice(first.gradientOffset(), dims),
            state.stream().map(StateTensor::tensor).toList()));
    boolean elementwise = run.treatment().rule().need() == Need.ELEMENT;
    for (int i = run.first(); i < run.end(); i++) {
      states.set(i, elementwise ? parts(state, spans.get(i), first) : List.copyOf(state));
    }
    return offset;
  }

  private static List<StateTensor> parts(List<StateTensor> run, SliceSpan span, SliceSpan first) {
    long offset = span.valueOffset() - first.valueOffset();
    return run.stream()
        .map(state -> new StateTensor(state.name(), state.tensor().slice(offset, span.dims())))
        .toList();
  }

  /// The places of parameters, or of slices of them, in values and gradients.
  public List<SliceSpan> spans() {
    return spans;
  }

  /// How parameter or slice `index` is updated.
  public Treatment treatment(int index) {
    return treatments.get(index);
  }

  /// The states of parameter or slice `index`, as its rule declares them, owned by this optimizer; empty when it is frozen. A restore writes them.
  public List<StateTensor> state(int index) {
    return states.get(index);
  }

  /// Every state that this optimizer holds, by parameter, state and range of elements: what a checkpoint of this rank writes.
  public List<HeldState> held() {
    List<HeldState> held = new ArrayList<>();
    for (int i = 0; i < spans.size(); i++) {
      SliceSpan span = spans.get(i);
      for (int j = 0; j < states.get(i).size(); j++) {
        StateSpec whole = treatments.get(i).rule().state(span.shape()).get(j);
        held.add(new HeldState(span.name(), whole, span.start(), states.get(i).get(j).tensor()));
      }
    }
    return held;
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
          new UpdateContext(
              backend,
              step,
              learningRate * piece.treatment().learningRateScale(),
              gradientScale,
              piece.decayed());
      piece.treatment().rule().apply(context, piece.values(), piece.gradients(), piece.state());
    }
  }

  /// Releases the state.
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      buffer.release();
      pieces.clear();
      states.clear();
    }
  }
}
