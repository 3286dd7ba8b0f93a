package dev.bellows.models;

import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;

/// One pre-norm transformer block: `x + attention(norm(x))`, then `x + mlp(norm(x))`, each branch with dropout at its end.
abstract class TransformerBlock implements Unit {
  private final String name;
  private final int width;
  private final double dropout;

  TransformerBlock(String name, int width, double dropout) {
    this.name = name;
    this.width = width;
    this.dropout = dropout;
  }

  /// Standard deviation of the first weights of a product that ends a branch. The residual sum has two terms a block; their variance is kept at that of
  /// one.
  static double residualDeviation(int layers) {
    return LanguageModel.DEVIATION / Math.sqrt(2.0 * layers);
  }

  /// Records `attention(norm(x))` over sequences of `time` positions; uses `x` [samples · time, width] up.
  abstract Variable attention(Tape tape, Variable x, int samples, int time);

  /// Records `mlp(norm(x))`; uses `x` [rows, width] up.
  abstract Variable mlp(Tape tape, Variable x);

  /// Weights that are multiplied with each row.
  abstract double weightsPerRow();

  /// Elements that backward needs of each row.
  abstract long savedPerRow();

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final Position position() {
    return Position.LAYER;
  }

  @Override
  public final int width() {
    return width;
  }

  @Override
  public final Variable forward(Tape tape, Variable input, SampleRange samples) {
    int time = Math.toIntExact(input.value().shape().dim(0) / samples.count());
    long firstRow = samples.firstPlace() * time;
    return tape.segment(name, input, x -> record(tape, x, samples.count(), time, firstRow));
  }

  private Variable record(Tape tape, Variable x, int samples, int time, long firstRow) {
    Variable branch = attention(tape, tape.fork(x), samples, time);
    branch = tape.dropout(branch, dropout, name + ".attention", firstRow);
    Variable middle = tape.add(x, branch);
    branch = mlp(tape, tape.fork(middle));
    branch = tape.dropout(branch, dropout, name + ".mlp", firstRow);
    return tape.add(middle, branch);
  }
}
