package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Tensor;
import java.util.Optional;

/// Rows of a table by id, with the rows of a table of positions added where there is one.
final class EmbeddingNode extends Node {
  private final Parameter table;
  private final Optional<Parameter> positions;

  private EmbeddingNode(
      Parameter table, Optional<Parameter> positions, Variable y, SavedTensors.Handle... ids) {
    super(y, ids);
    this.table = table;
    this.positions = positions;
  }

  static Variable forward(Tape tape, Tensor ids, Parameter table, Optional<Parameter> positions) {
    Backend backend = tape.backend();
    Tensor flatIds = ids.view(ids.elements());
    Variable y = tape.output(table.value().dtype(), true, ids.elements(), table.shape().dim(1));
    backend.embedding(flatIds, table.value(), y.value(), false);
    if (positions.isEmpty()) {
      if (tape.isTraining()) {
        tape.record(new EmbeddingNode(table, positions, y, tape.save(flatIds.retain())));
      }
      return y;
    }
    Tensor places =
        tape.constants().positions(ids.shape().dim(0), ids.shape().dim(1)).view(ids.elements());
    backend.embedding(places, positions.get().value(), y.value(), true);
    if (tape.isTraining()) {
      SavedTensors.Handle first = tape.save(flatIds.retain());
      SavedTensors.Handle second = tape.save(places.retain());
      tape.record(new EmbeddingNode(table, positions, y, first, second));
    }
    return y;
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    scatter(tape.backend(), fetch(0), dy, table);
    positions.ifPresent(parameter -> scatter(tape.backend(), fetch(1), dy, parameter));
  }

  private static void scatter(Backend backend, Tensor ids, Tensor dy, Parameter table) {
    // The scatter only adds, so a fresh gradient starts at zero.
    if (table.takeGradientFresh()) {
      backend.fill(table.gradient(), 0);
    }
    backend.embeddingBackward(ids, dy, table.gradient());
    ids.release();
  }
}
