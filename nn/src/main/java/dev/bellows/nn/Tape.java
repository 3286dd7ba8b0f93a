package dev.bellows.nn;

import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Dropout;
import dev.bellows.tensor.Loss;
import dev.bellows.tensor.Philox;
import dev.bellows.tensor.Pooling;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// Runs operations, records them when training, and walks them backwards.
///
/// Every operation uses its input variables up, so that a value lives exactly until its last reader: in evaluation memory stays flat, in
/// training only what backward needs stays, in the hands of [SavedTensors]. A value that is needed twice is [#fork]ed. Values are matrices
/// [rows, width] in the dtype of the parameters. Gradients of parameters are added to [Parameter#gradient] in the order of the walk, so equal
/// calls give equal bits.
///
/// With a [TensorGroup] of several ranks each has its part of the layers, as its [ParameterStore] placed them. A value is then whole, or split by rows or by
/// columns ([Layout]); each operation derives from its parameters and inputs what its result is and what is exchanged, and refuses in one sentence what it
/// cannot share. Models give logical sizes only.
///
/// Memory: owns every value and gradient until it is used, [#reset] or [#close]; tensors given to it are borrowed and retained as long as
/// needed. Threads: one at a time.
public final class Tape implements AutoCloseable {
  private enum Mode {
    RECORD,
    REPLAY,
    EVALUATE
  }

  private final Backend backend;
  private final SavedTensors saved;
  private final WeightGradient weightGradient;
  private final Constants constants;
  private final Exchange exchange;
  private final List<Node> nodes = new ArrayList<>();
  private final List<Variable> variables = new ArrayList<>();
  private final List<Optional<Tensor>> gradients = new ArrayList<>();
  private Philox dropoutStream = Philox.of(0, Philox.Purpose.DROPOUT);
  private Mode mode;

  /// A tape on `backend`. Without `training` nothing is recorded or saved.
  public Tape(
      Backend backend, SavedTensors saved, WeightGradient weightGradient, boolean training) {
    this(backend, saved, weightGradient, training, TensorGroup.single());
  }

  /// The same for one rank of `group`, whose other ranks run the same operations.
  public Tape(
      Backend backend,
      SavedTensors saved,
      WeightGradient weightGradient,
      boolean training,
      TensorGroup group) {
    this.backend = backend;
    this.saved = saved;
    this.weightGradient = weightGradient;
    this.constants = new Constants(backend);
    this.exchange = new Exchange(backend, group);
    this.mode = training ? Mode.RECORD : Mode.EVALUATE;
  }

  /// A tape that only evaluates.
  public static Tape evaluating(Backend backend) {
    return evaluating(backend, TensorGroup.single());
  }

  /// A tape of one rank of `group` that only evaluates.
  public static Tape evaluating(Backend backend, TensorGroup group) {
    return new Tape(backend, SavedTensors.keep(), WeightGradient.EXACT, false, group);
  }

  /// Whether backward will follow.
  public boolean isTraining() {
    return mode != Mode.EVALUATE;
  }

  // Values

  /// `tensor` as a value without a gradient: features, for example.
  public Variable constant(Tensor tensor) {
    return variable(tensor.retain(), false);
  }

  /// `tensor` as a value whose gradient can be taken after backward: what another stage computed, for example.
  public Variable leaf(Tensor tensor) {
    return variable(tensor.retain(), true);
  }

  /// The same of this rank's part of a value of `spread` ([Spread#handedOn]). Errors: [IllegalArgumentException] when `tensor` is no such part.
  public Variable leaf(Tensor tensor, Spread spread) {
    Shape own = spread.localShape(exchange.group());
    if (!tensor.shape().equals(own)) {
      throw new IllegalArgumentException(
          "of a value ["
              + spread.rows()
              + ", "
              + spread.width()
              + "] that is "
              + spread.layout()
              + " this tensor rank should have "
              + own
              + ", but was given "
              + tensor);
    }
    return variable(tensor.retain(), true, spread);
  }

  /// A second handle on `x`, for a value that two operations need. Their gradients are added, the one that backward meets first on the left.
  public Variable fork(Variable x) {
    Variable fork = new Variable(x.value().retain(), x.slot(), x.isDifferentiable(), x.spread());
    variables.add(fork);
    return fork;
  }

  /// Gives up a value that nothing will use.
  public void release(Variable x) {
    x.take().release();
  }

  /// Runs `body` on `input` as the segment `name` of [SavedTensors]: a block of a model that depends on `input` and parameters only.
  public Variable segment(String name, Variable input, UnaryOperator<Variable> body) {
    if (mode != Mode.RECORD) {
      return body.apply(input);
    }
    boolean differentiable = input.isDifferentiable();
    Spread spread = input.spread();
    saved.enter(name, input.value(), tensor -> replay(tensor, differentiable, spread, body));
    try {
      return body.apply(input);
    } finally {
      saved.exit();
    }
  }

  private void replay(
      Tensor input, boolean differentiable, Spread spread, UnaryOperator<Variable> body) {
    Mode before = mode;
    mode = Mode.REPLAY;
    try {
      release(body.apply(variable(input.retain(), differentiable, spread)));
    } finally {
      mode = before;
    }
  }

  /// `x` itself, behind a border: `passed` runs once backward has walked everything that was recorded after it and nothing that was recorded before.
  /// Changes no bit and takes no memory.
  public Variable border(Variable x, Runnable passed) {
    return mode == Mode.RECORD ? BorderNode.forward(this, x, passed) : x;
  }

  /// From now on [#dropout] draws from `stream`; at first from that of seed 0.
  public void drawFrom(Philox stream) {
    dropoutStream = stream;
  }

  // Operations

  /// `x wᵀ + bias`. A weight that is split by outputs takes a whole value or split rows and gives split columns; one that is split by inputs takes those and
  /// gives a whole value, or split rows under sequence parallelism. Shapes: `x` [rows, in], `weight` [out, in], `bias` [out].
  public Variable linear(Variable x, Parameter weight, Optional<Parameter> bias) {
    return LinearNode.forward(this, x, weight, bias, false);
  }

  /// The same, its result in the dtype of operands ([Precision#operands]): for a value that only attention, GELU or another linear layer
  /// reads. In F32 there is no difference.
  public Variable linearOperand(Variable x, Parameter weight, Optional<Parameter> bias) {
    return LinearNode.forward(this, x, weight, bias, true);
  }

  /// `a + b`, in the memory of one of them where nobody else reads it.
  public Variable add(Variable a, Variable b) {
    return AddNode.forward(this, a, b);
  }

  /// GELU, tanh form.
  public Variable gelu(Variable x) {
    return GeluNode.forward(this, x);
  }

  /// `max(x, 0)`.
  public Variable relu(Variable x) {
    return ReluNode.forward(this, x);
  }

  /// Layer normalisation over the width; without `beta` nothing is added.
  public Variable layerNorm(Variable x, Parameter gamma, Optional<Parameter> beta, double epsilon) {
    return LayerNormNode.forward(this, x, gamma, beta, epsilon);
  }

  /// Root-mean-square normalisation over the width.
  public Variable rmsNorm(Variable x, Parameter gamma, double epsilon) {
    return RmsNormNode.forward(this, x, gamma, epsilon);
  }

  /// SwiGLU. Shapes: `x` [rows, 2 · width], each row all gates, then all ups; the result [rows, width].
  public Variable swiGlu(Variable x) {
    return SwiGluNode.forward(this, x);
  }

  /// Rotary position embedding of packed heads, see [Backend#rotary].
  public Variable rotary(Rotary spec, Variable x) {
    return RotaryNode.forward(this, spec, x);
  }

  /// Sets elements of `x` [rows, width] to 0 with `probability` and scales the others by 1 / (1 - probability); changes nothing in evaluation. Which
  /// elements are dropped is a function of the stream, of `layer` (a name, unique in the model), of the global row (row 0 of `x`, on all tensor ranks together, is
  /// `firstRow`) and of the column.
  public Variable dropout(Variable x, double probability, String layer, long firstRow) {
    if (!isTraining() || probability == 0) {
      return x;
    }
    exchange.requireAllColumns("dropout " + layer, x);
    long key = dropoutStream.derive(layer).key();
    long ownFirstRow = firstRow + exchange.firstRow(x.spread());
    return DropoutNode.forward(this, new Dropout(probability, key, ownFirstRow), x);
  }

  /// `table[ids]`. Shapes: `ids` I32 [rows] or [samples, time], `table` [vocabulary, width].
  public Variable embedding(Tensor ids, Parameter table) {
    return EmbeddingNode.forward(this, ids, table, Optional.empty());
  }

  /// `table[ids[s, t]] + positions[t]`. Shapes: `ids` I32 [samples, time], `positions` [context, width] with context >= time.
  public Variable embedding(Tensor ids, Parameter table, Parameter positions) {
    return EmbeddingNode.forward(this, ids, table, Optional.of(positions));
  }

  /// 2-D convolution. Shapes: `x` [samples, inElements], `weight` [outChannels, inChannels, kernel, kernel], `bias` [outChannels].
  public Variable convolution(Convolution spec, Variable x, Parameter weight, Parameter bias) {
    return ConvolutionNode.forward(this, spec, x, weight, bias);
  }

  /// The largest element of each window.
  public Variable maxPool(Pooling spec, Variable x) {
    return MaxPoolNode.forward(this, spec, x);
  }

  /// Attention over packed queries, keys and values, see [Backend#attention].
  public Variable attention(Attention spec, Variable qkv) {
    return AttentionNode.forward(this, spec, qkv);
  }

  /// Sum over the rows, of all tensor ranks, of the cross-entropy of `logits` [rows, classes] and `targets` [rows], in nats, in FP64. When training, the gradient
  /// of `scale` times that sum becomes the gradient of `logits`, in the memory of `logits` where nobody else reads it, and [#backward] may
  /// follow. `scale` does not change the returned sum.
  /// A loss lies outside of segments: a segment that is computed again would add its gradient again.
  public double crossEntropy(Variable logits, Tensor targets, double scale) {
    return crossEntropy(Loss.PLAIN, logits, targets, scale);
  }

  /// The same with what `loss` adds to the cross-entropy, in the returned sum too.
  public double crossEntropy(Loss loss, Variable logits, Tensor targets, double scale) {
    if (mode == Mode.REPLAY) {
      throw new IllegalStateException(
          "a loss was recorded inside a segment; record it after the segment");
    }
    return CrossEntropy.record(this, loss, logits, targets, scale);
  }

  // Backward

  /// Walks the recorded operations from the last to the first, from the gradients that losses have left. Uses the recording up.
  public void backward() {
    if (mode != Mode.RECORD) {
      throw new IllegalStateException("backward needs a tape that was made for training");
    }
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Node node = nodes.remove(i);
      Optional<Tensor> dy = takeSlot(node.outputSlot());
      try {
        dy.ifPresent(gradient -> node.backward(this, gradient));
        node.passed();
      } finally {
        dy.ifPresent(Tensor::release);
        node.discard();
      }
    }
  }

  /// The same, with `gradient` (borrowed) added to the gradient of `root`: the gradient that a later stage has computed, for example.
  public void backward(Variable root, Tensor gradient) {
    contribute(root, gradient.retain());
    backward();
  }

  /// The gradient that backward left for a [#leaf], owned by the caller; empty when nothing used the leaf.
  public Optional<Tensor> takeGradient(Variable leaf) {
    return takeSlot(leaf.slot());
  }

  /// Forgets everything that was recorded and gives its memory back; the tape is as new.
  public void reset() {
    nodes.forEach(Node::discard);
    nodes.clear();
    for (Variable variable : variables) {
      if (!variable.isUsed()) {
        release(variable);
      }
    }
    variables.clear();
    gradients.forEach(gradient -> gradient.ifPresent(Tensor::release));
    gradients.clear();
  }

  /// The same as [#reset], and gives the tape's constants back.
  @Override
  public void close() {
    reset();
    constants.close();
  }

  // What the nodes need

  Backend backend() {
    return backend;
  }

  WeightGradient weightGradient() {
    return weightGradient;
  }

  Exchange exchange() {
    return exchange;
  }

  Constants constants() {
    return constants;
  }

  /// A new value with undefined contents.
  Variable output(DType dtype, boolean differentiable, long... dims) {
    return variable(backend.allocate(dtype, Shape.of(dims), Category.ACTIVATION), differentiable);
  }

  /// A new value with undefined contents, this rank's part of a value of `spread`.
  Variable output(Spread spread, DType dtype, boolean differentiable, long... dims) {
    return variable(
        backend.allocate(dtype, Shape.of(dims), Category.ACTIVATION), differentiable, spread);
  }

  /// A new value like `x`, with undefined contents.
  Variable outputLike(Variable x) {
    return output(x.spread(), x.dtype(), x.isDifferentiable(), x.value().shape().dims());
  }

  /// A new variable over a value that the tape takes over, all of it on every rank.
  Variable variable(Tensor value, boolean differentiable) {
    return variable(value, differentiable, Spread.whole(value));
  }

  /// A new variable over this rank's part of a value, which the tape takes over.
  Variable variable(Tensor value, boolean differentiable, Spread spread) {
    Variable variable = new Variable(value, gradients.size(), differentiable, spread);
    gradients.add(Optional.empty());
    variables.add(variable);
    return variable;
  }

  /// A variable over the memory of `x` when `x` is its only owner, else over new memory of the same shape. `x` stays in use.
  Variable reuseOrAllocate(Variable x) {
    Tensor value = x.value();
    if (value.storage().isShared()) {
      return outputLike(x);
    }
    return variable(value.retain(), x.isDifferentiable(), x.spread());
  }

  /// A tensor of the shape of `dy`, owned by the caller: `dy` itself, retained, when nobody else reads it, else new memory.
  Tensor reuseOrAllocate(Tensor dy) {
    return dy.storage().isShared()
        ? backend.allocate(dy.dtype(), dy.shape(), Category.ACTIVATION)
        : dy.retain();
  }

  /// `x` as `dtype`, owned by the caller: `x` itself, retained, or a copy.
  Tensor as(DType dtype, Tensor x) {
    if (x.dtype() == dtype) {
      return x.retain();
    }
    Tensor copy = backend.allocate(dtype, x.shape(), Category.ACTIVATION);
    backend.copy(x, copy);
    return copy;
  }

  SavedTensors.Handle save(Tensor owned) {
    return saved.save(owned);
  }

  /// Keeps `node` for backward. A replay runs operations that are recorded already.
  void record(Node node) {
    if (mode == Mode.RECORD) {
      nodes.add(node);
    }
  }

  /// Adds `gradient`, whose ownership it takes over, to the gradient of `x`.
  void contribute(Variable x, Tensor gradient) {
    if (!x.isDifferentiable()) {
      gradient.release();
      return;
    }
    Optional<Tensor> held = gradients.get(x.slot());
    gradients.set(x.slot(), Optional.of(held.isPresent() ? sum(held.get(), gradient) : gradient));
  }

  /// `a + b` in the memory of one of them where nobody else reads it; takes both over.
  private Tensor sum(Tensor a, Tensor b) {
    Tensor target = b.storage().isShared() ? reuseOrAllocate(a) : b.retain();
    backend.add(a, b, target);
    a.release();
    b.release();
    return target;
  }

  private Optional<Tensor> takeSlot(int slot) {
    return gradients.set(slot, Optional.empty());
  }
}
