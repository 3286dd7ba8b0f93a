package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Shard.Piece;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

/// What tensor ranks cannot share is refused in one sentence, before anything is exchanged.
class SplitRefusalTest {
  /// The first of two ranks; nobody is at the other end.
  private record FirstOfTwo(boolean isSequence) implements TensorGroup {
    @Override
    public int rank() {
      return 0;
    }

    @Override
    public int size() {
      return 2;
    }

    @Override
    public void sum(Tensor x) {}

    @Override
    public void gatherRows(Tensor mine, Tensor all) {
      throw new AssertionError("nothing should be exchanged");
    }

    @Override
    public void scatterRows(Tensor all, Tensor mine) {
      throw new AssertionError("nothing should be exchanged");
    }

    @Override
    public double[][] gather(double[] mine) {
      throw new AssertionError("nothing should be exchanged");
    }
  }

  private static Parameter parameter(String name, long... dims) {
    return Parameter.of(name, Shape.of(dims), Initializer.constant(1), false);
  }

  private final Parameter column = parameter("column", 8, 4);
  private final Parameter uneven = parameter("uneven", 8, 4);
  private final Parameter row = parameter("row", 4, 8);
  private final Parameter norm = parameter("norm", 4);
  private final Parameter wide = parameter("wide", 8);
  private final Map<Parameter, Shard> shards =
      Map.of(
          column, new Shard(column.shape(), 0, List.of(new Piece(0, 4, 0, 1))),
          uneven,
              new Shard(uneven.shape(), 0, List.of(new Piece(0, 3, 0, 1), new Piece(4, 1, 0, 1))),
          row, new Shard(row.shape(), 1, List.of(new Piece(0, 4, 0, 1))),
          norm, Shard.whole(norm.shape(), 0, 2),
          wide, Shard.whole(wide.shape(), 0, 2));
  private final Sharding sharding =
      new Sharding() {
        @Override
        public Split split(Parameter parameter) {
          return parameter == row
              ? Split.ROW
              : parameter == norm || parameter == wide ? Split.REPLICATED : Split.COLUMN;
        }

        @Override
        public Shard shard(Parameter parameter) {
          return shards.get(parameter);
        }
      };

  private String refusal(boolean sequence, BiFunction<Tape, Tensor, Object> operation) {
    try (ReferenceBackend backend = new ReferenceBackend();
        ParameterStore store =
            new ParameterStore(
                backend, List.of(column, uneven, row, norm, wide), DType.F32, sharding);
        Tape tape =
            new Tape(
                backend,
                SavedTensors.keep(),
                WeightGradient.EXACT,
                true,
                new FirstOfTwo(sequence));
        Tensor x = TestTensors.normal(backend, DType.F32, 1, 6, 4)) {
      store.initialise(1);
      String message =
          assertThrows(IllegalStateException.class, () -> operation.apply(tape, x)).getMessage();
      assertTrue(!message.contains("\n") && !message.contains(". "), message);
      return message;
    }
  }

  private Variable columns(Tape tape, Tensor x) {
    return tape.linear(tape.leaf(x), column, Optional.empty());
  }

  @Test
  void columnsAreNotNormalisedOrDropped() {
    assertEquals(
        "layer normalisation takes values whose rows are complete, but a value [6, 8] is split by"
            + " columns; a row-parallel layer would come before it",
        refusal(
            false, (tape, x) -> tape.layerNorm(columns(tape, x), wide, Optional.empty(), 1e-5)));
    assertTrue(
        refusal(false, (tape, x) -> tape.rmsNorm(columns(tape, x), wide, 1e-5))
            .startsWith("root-mean-square normalisation takes"));
    assertTrue(
        refusal(false, (tape, x) -> tape.dropout(columns(tape, x), 0.5, "mlp", 0))
            .startsWith("dropout mlp takes values whose rows are complete"));
    assertTrue(
        refusal(false, (tape, x) -> tape.linear(columns(tape, x), uneven, Optional.empty()))
            .startsWith("the layer of uneven[8, 4] takes values whose rows are complete"));
  }

  @Test
  void aRowParallelLayerTakesItsOwnColumns() {
    assertEquals(
        "row[4, 8] is split by inputs and takes the columns [Run[start=0, extent=4]] of its input,"
            + " but a value [6, 4] is whole",
        refusal(false, (tape, x) -> tape.linear(tape.leaf(x), row, Optional.empty())));
    assertTrue(
        refusal(
                false,
                (tape, x) ->
                    tape.linear(
                        tape.linear(tape.leaf(x), uneven, Optional.empty()), row, Optional.empty()))
            .contains("is split by columns into [Run[start=0, extent=3], Run[start=4, extent=1]]"));
  }

  @Test
  void headsAndHalvesStayTogether() {
    Attention spec = new Attention(2, 3, 2, 1, 2, true);
    assertTrue(
        refusal(false, (tape, x) -> tape.attention(spec, columns(tape, x)))
            .startsWith("attention needs the keys and values of its queries, but a value [6, 8]"));
    assertTrue(
        refusal(
                false,
                (tape, x) ->
                    tape.rotary(
                        new Rotary(3, 2, 2, 10, false),
                        tape.linear(tape.leaf(x), uneven, Optional.empty())))
            .startsWith("heads of 2 columns are not cut"));
    assertTrue(
        refusal(false, (tape, x) -> tape.swiGlu(columns(tape, x)))
            .startsWith("SwiGLU needs the gate of each of its ups"));
    assertTrue(
        refusal(
                true,
                (tape, x) ->
                    tape.attention(
                        new Attention(4, 3, 1, 1, 1, true), tape.leaf(x, Spread.rows(12, 4))))
            .startsWith("attention and rotary embedding take whole sequences"));
  }

  @Test
  void sumsTakeValuesThatLieAlike() {
    assertEquals(
        "a sum takes values that lie alike, but a value [6, 4] is whole and a value [12, 4] is"
            + " split by rows",
        refusal(true, (tape, x) -> tape.add(tape.leaf(x), tape.leaf(x, Spread.rows(12, 4)))));
  }

  @Test
  void sharedParametersSeeRowsUnderSequenceParallelism() {
    assertTrue(
        refusal(true, (tape, x) -> tape.layerNorm(tape.leaf(x), norm, Optional.empty(), 1e-5))
            .startsWith("norm[4] is used on a value that is whole, but with sequence parallelism"));
  }

  @Test
  void losesAndTablesAreSplitByRunsOfClasses() {
    assertTrue(
        refusal(
                false,
                (tape, x) ->
                    tape.crossEntropy(
                        tape.linear(tape.leaf(x), uneven, Optional.empty()),
                        x.view(24).slice(0, 6),
                        1))
            .startsWith("a loss takes one run of classes from each tensor rank"));
    assertTrue(
        refusal(false, (tape, x) -> tape.embedding(x.view(24), column))
            .startsWith("the table column[8, 4] is split by outputs"));
  }

  @Test
  void startsAndStoresFit() {
    assertTrue(
        assertThrows(
                IllegalArgumentException.class,
                () -> {
                  Parameter use = column.tie("use");
                  try (ReferenceBackend backend = new ReferenceBackend()) {
                    new ParameterStore(
                        backend,
                        List.of(column, use),
                        DType.F32,
                        new Sharding() {
                          @Override
                          public Split split(Parameter parameter) {
                            return parameter.isTied() ? Split.REPLICATED : Split.COLUMN;
                          }

                          @Override
                          public Shard shard(Parameter parameter) {
                            return parameter.isTied()
                                ? Shard.whole(parameter.shape(), 0, 2)
                                : shards.get(parameter);
                          }
                        });
                  }
                })
            .getMessage()
            .contains("it shares the value of column[8, 4]"));
    try (ReferenceBackend backend = new ReferenceBackend();
        Tape tape =
            new Tape(
                backend, SavedTensors.keep(), WeightGradient.EXACT, true, new FirstOfTwo(true));
        Tensor x = TestTensors.normal(backend, DType.F32, 1, 6, 4)) {
      assertEquals(
          "of a value [13, 4] that is split by rows this tensor rank should have [7, 4], but was"
              + " given F32[6, 4]",
          assertThrows(IllegalArgumentException.class, () -> tape.leaf(x, Spread.rows(13, 4)))
              .getMessage());
    }
  }
}
