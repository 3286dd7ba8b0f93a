package dev.bellows.nn;

import java.util.List;

/// What tensor ranks exchange around one linear layer (Shoeybi et al. 2019).
///
/// @param input how the layer's input lies
/// @param result how its output lies
/// @param sumsOutput each rank's product is a part of a sum: the weight is split by inputs
/// @param sumsInputGradient each rank's gradient of the input is a part of a sum: the weight is split by outputs
record LinearLayout(Spread input, Spread result, boolean sumsOutput, boolean sumsInputGradient) {
  /// Errors: [IllegalStateException] in one sentence when `weight` cannot take `x` as it lies.
  static LinearLayout of(Exchange exchange, Variable x, Parameter weight) {
    Spread input = x.spread();
    long out = weight.shape().dim(0);
    if (!exchange.isSplit()) {
      return new LinearLayout(input, Spread.whole(input.rows(), out), false, false);
    }
    return switch (weight.split()) {
      case REPLICATED -> {
        exchange.requireAllColumns("the layer of " + weight, x);
        exchange.requireOwnRows(weight, input);
        yield new LinearLayout(input, input.withWidth(out), false, false);
      }
      case COLUMN, HEADS, HALVES, VOCABULARY -> {
        exchange.requireAllColumns("the layer of " + weight, x);
        List<Spread.Run> columns = Spread.runs(weight.shard());
        yield new LinearLayout(input, Spread.columns(input.rows(), out, columns), false, true);
      }
      case ROW -> {
        requireColumns(x, weight);
        yield new LinearLayout(input, exchange.summed(input.rows(), out), true, false);
      }
    };
  }

  private static void requireColumns(Variable x, Parameter weight) {
    List<Spread.Run> columns = Spread.runs(weight.shard());
    if (!x.spread().isColumns() || !x.spread().columns().equals(columns)) {
      throw new IllegalStateException(
          weight
              + " is split by "
              + weight.split()
              + " and takes the columns "
              + columns
              + " of its input, but "
              + Exchange.describe(x)
              + (x.spread().isColumns() ? " into " + x.spread().columns() : ""));
    }
  }

  /// Whether the product needs rows that other ranks have.
  boolean gathersInput() {
    return sumsInputGradient && input.isRows();
  }
}
