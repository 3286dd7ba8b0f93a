package dev.bellows.nn;

import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;

/// A named trainable tensor: its description when the model is built on shapes only, and its value and gradient once a
/// [ParameterStore] has placed it.
///
/// A parameter that is used in several places (tied embeddings) is declared once and [#tie]d for each further use; a tied use shares
/// the value and has a gradient sum of its own, which [ParameterStore#combineUses] adds last, in forward order.
public final class Parameter {
  private final String name;
  private final Shape shape;
  private final Initializer initializer;
  private final boolean decayed;
  private final Parameter primary;
  private Split split = Split.REPLICATED;
  private Shard shard;
  private Tensor value;
  private Tensor operand;
  private Tensor gradient;
  private boolean gradientFresh;

  private Parameter(
      String name, Shape shape, Initializer initializer, boolean decayed, Parameter primary) {
    this.name = name;
    this.shape = shape;
    this.initializer = initializer;
    this.decayed = decayed;
    this.primary = primary == null ? this : primary;
  }

  /// A parameter called `name` (dotted path inside the model, unique). `decayed`: weight decay applies to it.
  public static Parameter of(String name, Shape shape, Initializer initializer, boolean decayed) {
    return new Parameter(name, shape, initializer, decayed, null);
  }

  /// A further use of this parameter, called `useName` where its gradient is listed.
  public Parameter tie(String useName) {
    return new Parameter(useName, shape, initializer, decayed, primary);
  }

  /// Dotted path inside the model.
  public String name() {
    return name;
  }

  /// Logical shape: that of the whole parameter, however it is split.
  public Shape shape() {
    return shape;
  }

  /// How the tensor ranks share it; [Split#REPLICATED] until it is placed otherwise.
  public Split split() {
    return split;
  }

  /// The part that is placed here: all of it until it is placed otherwise.
  public Shard shard() {
    return shard == null ? Shard.whole(shape, 0, 1) : shard;
  }

  /// Shape of what is placed here: of [#value], [#operand] and [#gradient].
  public Shape localShape() {
    return shard().localShape();
  }

  /// How the first value is drawn.
  public Initializer initializer() {
    return initializer;
  }

  /// Whether weight decay applies.
  public boolean isDecayed() {
    return decayed;
  }

  /// Whether this is a further use of another parameter.
  public boolean isTied() {
    return primary != this;
  }

  /// The parameter that owns the value; this one unless tied.
  public Parameter primary() {
    return primary;
  }

  /// The weights, or this rank's part of them, owned by the store.
  public Tensor value() {
    return primary.value;
  }

  /// The weights as a matrix product in training takes them: [#value], or its BF16 copy as of the last
  /// [ParameterStore#refreshOperands]. Owned by the store.
  public Tensor operand() {
    return primary.operand;
  }

  /// This use's gradient sum, owned by the store.
  public Tensor gradient() {
    return gradient;
  }

  /// Whether the next contribution to [#gradient] overwrites it (false: adds to it). Asking counts as the contribution: the caller
  /// writes the gradient before it asks again.
  public boolean takeGradientFresh() {
    boolean fresh = gradientFresh;
    gradientFresh = false;
    return fresh;
  }

  void split(Split split, Shard shard) {
    this.split = split;
    this.shard = shard;
  }

  void place(Tensor value, Tensor operand, Tensor gradient) {
    this.value = value;
    this.operand = operand;
    this.gradient = gradient;
  }

  void markGradientFresh() {
    gradientFresh = true;
  }

  @Override
  public String toString() {
    return name + shape;
  }
}
