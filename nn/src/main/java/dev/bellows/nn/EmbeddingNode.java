package dev.bellows.nn;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.Category;
import dev.bellows.tensor.Shape;
import dev.bellows.tensor.Tensor;
import dev.bellows.tensor.VocabularyPart;
import java.util.Optional;

/// Rows of a table by id, with the rows of a table of positions added where there is one. Of a table that tensor ranks share each looks up the rows that it
/// has; the sum over the ranks is exact, all terms but one being zero.
final class EmbeddingNode extends Node {
  private final Parameter table;
  private final Optional<Parameter> positions;
  private final Spread result;

  private EmbeddingNode(
      Parameter table, Optional<Parameter> positions, Variable y, SavedTensors.Handle... ids) {
    super(y, ids);
    this.table = table;
    this.positions = positions;
    this.result = y.spread();
  }

  static Variable forward(Tape tape, Tensor ids, Parameter table, Optional<Parameter> positions) {
    Backend backend = tape.backend();
    Tensor flatIds = ids.view(ids.elements());
    Variable y = lookUp(tape, flatIds, table);
    if (positions.isEmpty()) {
      if (tape.isTraining()) {
        tape.record(new EmbeddingNode(table, positions, y, tape.save(flatIds.retain())));
      }
      return y;
    }
    tape.exchange().requireOwnRows(positions.get(), y.spread());
    Tensor allPlaces =
        tape.constants().positions(ids.shape().dim(0), ids.shape().dim(1)).view(ids.elements());
    Tensor places = tape.exchange().ownRows(y.spread(), allPlaces);
    backend.embedding(places, positions.get().value(), y.value(), true);
    if (tape.isTraining()) {
      SavedTensors.Handle first = tape.save(flatIds.retain());
      SavedTensors.Handle second = tape.save(places.retain());
      tape.record(new EmbeddingNode(table, positions, y, first, second));
    }
    return y;
  }

  private static Variable lookUp(Tape tape, Tensor ids, Parameter table) {
    Backend backend = tape.backend();
    long rows = ids.elements();
    long width = table.shape().dim(1);
    if (!isShared(tape, table)) {
      Variable y = tape.output(table.value().dtype(), true, rows, width);
      backend.embedding(ids, table.value(), y.value(), false);
      return y;
    }
    Tensor held =
        backend.allocate(table.value().dtype(), Shape.of(rows, width), Category.ACTIVATION);
    backend.embedding(part(tape, table), ids, table.value(), held);
    Spread spread = tape.exchange().summed(rows, width);
    return tape.variable(tape.exchange().sum(spread, held), true, spread);
  }

  private static boolean isShared(Tape tape, Parameter table) {
    if (!tape.exchange().isSplit() || table.split() == Split.REPLICATED) {
      return false;
    }
    if (table.split() != Split.VOCABULARY) {
      throw new IllegalStateException(
          "the table "
              + table
              + " is split by "
              + table.split()
              + "; tensor ranks can share a table by its "
              + Split.VOCABULARY
              + " only");
    }
    return true;
  }

  private static VocabularyPart part(Tape tape, Parameter table) {
    long first = table.shard().pieces().getFirst().start();
    return new VocabularyPart(tape.exchange().group().rank(), first, table.shape().dim(0));
  }

  @Override
  void backward(Tape tape, Tensor dy) {
    Backend backend = tape.backend();
    try (Tensor ids = fetch(0)) {
      zeroIfFresh(backend, table);
      if (isShared(tape, table)) {
        try (Tensor all = tape.exchange().gatherRows(result, dy)) {
          backend.embeddingBackward(part(tape, table), ids, all, table.gradient());
        }
      } else {
        backend.embeddingBackward(ids, dy, table.gradient());
      }
    }
    if (positions.isPresent()) {
      try (Tensor places = fetch(1)) {
        zeroIfFresh(backend, positions.get());
        backend.embeddingBackward(places, dy, positions.get().gradient());
      }
    }
  }

  /// The scatter only adds, so a fresh gradient starts at zero.
  private static void zeroIfFresh(Backend backend, Parameter parameter) {
    if (parameter.takeGradientFresh()) {
      backend.fill(parameter.gradient(), 0);
    }
  }
}
