package dev.bellows.models;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What lies before the blocks of a language model: the rows of token ids I32 [samples, time], learned positions where it has them, dropout.
///
/// @param model the model's kind in error messages, such as "a GPT"
/// @param context most positions of a sequence
/// @param tokens [vocabulary, width]
/// @param positions [context, width]
/// @param dropout probability of an element to be dropped
record TokenEmbedding(
    String model, int context, Parameter tokens, Optional<Parameter> positions, double dropout)
    implements Unit {
  @Override
  public String name() {
    return "embedding";
  }

  @Override
  public Position position() {
    return Position.BEFORE;
  }

  @Override
  public List<Parameter> parameters() {
    List<Parameter> all = new ArrayList<>(List.of(tokens));
    positions.ifPresent(all::add);
    return all;
  }

  @Override
  public int width() {
    return Math.toIntExact(tokens.shape().dim(1));
  }

  @Override
  public Variable forward(Tape tape, Variable input, SampleRange samples) {
    Tensor ids = input.value();
    check(ids);
    Variable x =
        positions
            .map(table -> tape.embedding(ids, tokens, table))
            .orElseGet(() -> tape.embedding(ids, tokens));
    x = tape.dropout(x, dropout, name(), samples.firstPlace() * ids.shape().dim(1));
    tape.release(input);
    return x;
  }

  private void check(Tensor ids) {
    Shape shape = ids.shape();
    if (ids.dtype() != DType.I32
        || shape.rank() != 2
        || shape.dim(1) < 1
        || shape.dim(1) > context) {
      throw new IllegalArgumentException(
          model
              + " with context "
              + context
              + " takes I32 ids [samples, 1 to "
              + context
              + "], not "
              + ids);
    }
  }
}
