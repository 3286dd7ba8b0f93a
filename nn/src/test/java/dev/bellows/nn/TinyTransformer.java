package dev.bellows.nn;

import dev.bellows.nn.Shard.Piece;
import dev.bellows.tensor.Attention;
import dev.bellows.tensor.Rotary;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A small model of every operation that tensor ranks can share, with grouped heads and an uneven vocabulary, and how it is split.
final class TinyTransformer {
  static final int VOCABULARY = 11;
  static final int TIME = 3;
  static final int HEADS = 4;
  static final int KEY_VALUE_HEADS = 2;
  static final int HEAD_WIDTH = 2;
  private static final int WIDTH = HEADS * HEAD_WIDTH;
  private static final int PACKED = WIDTH + 2 * KEY_VALUE_HEADS * HEAD_WIDTH;
  private static final int HIDDEN = 8;

  private final List<Parameter> parameters = new ArrayList<>();
  private final Parameter table = parameter("table", VOCABULARY, WIDTH);
  private final Parameter positions = parameter("positions", TIME, WIDTH);
  private final Parameter firstGamma = parameter("norm1.gamma", WIDTH);
  private final Parameter firstBeta = parameter("norm1.beta", WIDTH);
  private final Parameter packed = parameter("heads.weight", PACKED, WIDTH);
  private final Parameter packedBias = parameter("heads.bias", PACKED);
  private final Parameter projection = parameter("row1.weight", WIDTH, WIDTH);
  private final Parameter projectionBias = parameter("bias1", WIDTH);
  private final Parameter secondGamma = parameter("norm2.gamma", WIDTH);
  private final Parameter gates = parameter("halves.weight", 2 * HIDDEN, WIDTH);
  private final Parameter down = parameter("row2.weight", WIDTH, HIDDEN);
  private final Parameter expand = parameter("column.weight", HIDDEN, WIDTH);
  private final Parameter expandBias = parameter("column.bias", HIDDEN);
  private final Parameter shrink = parameter("row3.weight", WIDTH, HIDDEN);
  private final Parameter shrinkBias = parameter("bias3", WIDTH);
  private final Parameter head = table.tie("table.head");

  TinyTransformer() {
    parameters.add(head);
  }

  private Parameter parameter(String name, long... dims) {
    Parameter parameter = Parameter.of(name, Shape.of(dims), Initializer.normal(0.6), true);
    parameters.add(parameter);
    return parameter;
  }

  List<Parameter> parameters() {
    return parameters;
  }

  Variable logits(Tape tape, Tensor ids, double dropout, long firstRow) {
    Variable x = first(tape, ids, dropout, firstRow);
    return last(tape, x, (int) ids.shape().dim(0), dropout, firstRow);
  }

  /// What a first stage computes.
  Variable first(Tape tape, Tensor ids, double dropout, long firstRow) {
    return tape.dropout(tape.embedding(ids, table, positions), dropout, "embedding", firstRow);
  }

  /// What a second stage computes of it.
  Variable last(Tape tape, Variable embedded, int samples, double dropout, long firstRow) {
    Variable x =
        tape.segment(
            "attention", embedded, input -> attention(tape, input, samples, dropout, firstRow));
    x = tape.segment("mlp", x, input -> mlp(tape, input));
    return tape.segment(
        "head",
        x,
        input ->
            tape.linear(
                tape.layerNorm(input, firstGamma, Optional.empty(), 1e-5), head, Optional.empty()));
  }

  private Variable attention(Tape tape, Variable x, int samples, double dropout, long firstRow) {
    Attention spec = new Attention(samples, TIME, HEADS, KEY_VALUE_HEADS, HEAD_WIDTH, true);
    Rotary rotary = new Rotary(TIME, HEADS + KEY_VALUE_HEADS, HEAD_WIDTH, 100, false);
    Variable branch = tape.layerNorm(tape.fork(x), firstGamma, Optional.of(firstBeta), 1e-5);
    branch = tape.linearOperand(branch, packed, Optional.of(packedBias));
    branch = tape.attention(spec, tape.rotary(rotary, branch));
    branch = tape.linear(branch, projection, Optional.of(projectionBias));
    return tape.add(x, tape.dropout(branch, dropout, "attention", firstRow));
  }

  private Variable mlp(Tape tape, Variable x) {
    Variable branch = tape.rmsNorm(tape.fork(x), secondGamma, 1e-5);
    branch = tape.swiGlu(tape.linear(branch, gates, Optional.empty()));
    Variable middle = tape.add(x, tape.linear(branch, down, Optional.empty()));
    branch = tape.linearOperand(tape.fork(middle), expand, Optional.of(expandBias));
    branch = tape.linear(tape.gelu(branch), shrink, Optional.of(shrinkBias));
    return tape.add(middle, branch);
  }

  /// What a rank of `group` holds.
  static Sharding sharding(TensorGroup group) {
    return new Sharding() {
      @Override
      public Split split(Parameter parameter) {
        return splitOf(parameter.name());
      }

      @Override
      public Shard shard(Parameter parameter) {
        return TinyTransformer.shard(parameter, group.rank(), group.size());
      }
    };
  }

  private static Split splitOf(String name) {
    return name.startsWith("table")
        ? Split.VOCABULARY
        : name.startsWith("heads")
            ? Split.HEADS
            : name.startsWith("halves")
                ? Split.HALVES
                : name.startsWith("column")
                    ? Split.COLUMN
                    : name.startsWith("row") ? Split.ROW : Split.REPLICATED;
  }

  private static Shard shard(Parameter parameter, int rank, int size) {
    Shape shape = parameter.shape();
    return switch (splitOf(parameter.name())) {
      case REPLICATED -> Shard.whole(shape, rank, size);
      case COLUMN -> new Shard(shape, 0, List.of(part(0, shape.dim(0), rank, size)));
      case ROW -> new Shard(shape, 1, List.of(part(0, shape.dim(1), rank, size)));
      case HALVES ->
          new Shard(
              shape, 0, List.of(part(0, HIDDEN, rank, size), part(HIDDEN, HIDDEN, rank, size)));
      case HEADS -> heads(shape, rank, size);
      case VOCABULARY -> {
        long start = rank * shape.dim(0) / size;
        long end = (rank + 1) * shape.dim(0) / size;
        yield new Shard(shape, 0, List.of(new Piece(start, end - start, 0, 1)));
      }
    };
  }

  private static Piece part(long start, long extent, int rank, int size) {
    return new Piece(start + rank * extent / size, extent / size, 0, 1);
  }

  private static Shard heads(Shape shape, int rank, int size) {
    int copies = Math.max(1, size / KEY_VALUE_HEADS);
    int holders = size / copies;
    int own = rank / copies;
    long keys = (long) KEY_VALUE_HEADS * HEAD_WIDTH / holders;
    long start = WIDTH + own * keys;
    return new Shard(
        shape,
        0,
        List.of(
            part(0, WIDTH, rank, size),
            new Piece(start, keys, rank % copies, copies),
            new Piece(start + (long) KEY_VALUE_HEADS * HEAD_WIDTH, keys, rank % copies, copies)));
  }
}
