package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Losses and gradients of a vocabulary in uneven parts, put together, against those of the whole, in double precision.
class VocabularyPartsTest {
  private static final int ROWS = 9;
  private static final int CLASSES = 11;
  private static final long[] FIRSTS = {0, 1, 6, 9, CLASSES};
  private static final int PARTS = FIRSTS.length - 1;
  private static final double SCALE = 0.7;

  private final ReferenceBackend backend = new ReferenceBackend();

  private Tensor tensor(long... dims) {
    return backend.allocate(DType.F64, Shape.of(dims), Category.WORKSPACE);
  }

  private Tensor columns(Tensor logits, long from, long to) {
    Tensor part = tensor(ROWS, to - from);
    for (long i = 0; i < part.elements(); i++) {
      long row = i / (to - from);
      Values.write(Values.read(logits, row * CLASSES + from + i % (to - from)), part, i);
    }
    return part;
  }

  @Test
  void partsGiveTheLossAndGradientOfTheWhole() {
    for (Loss loss :
        List.of(Loss.PLAIN, new Loss(0.1, 0), new Loss(0, 0.01), new Loss(0.3, 0.02))) {
      for (double deviation : new double[] {1, 300}) {
        compare(loss, deviation);
      }
    }
    backend.close();
  }

  private void compare(Loss loss, double deviation) {
    Philox random = Philox.of(5, Philox.Purpose.TEST);
    try (Tensor logits = tensor(ROWS, CLASSES);
        Tensor targets = backend.allocate(DType.I32, Shape.of(ROWS), Category.WORKSPACE);
        Tensor expected = tensor(ROWS, CLASSES);
        Tensor losses = tensor(ROWS);
        Tensor statistics = tensor(PARTS, ROWS, Backend.STATISTICS);
        Tensor together = tensor(ROWS)) {
      for (long i = 0; i < logits.elements(); i++) {
        Values.write(deviation * random.normal(i), logits, i);
      }
      for (int i = 0; i < ROWS; i++) {
        Values.writeLong(i == 4 ? -1 : i * 5 % CLASSES, targets, i);
      }
      backend.crossEntropyWithGradient(loss, logits, targets, SCALE, losses, expected);
      List<Tensor> parts = new ArrayList<>();
      for (int p = 0; p < PARTS; p++) {
        Tensor part = columns(logits, FIRSTS[p], FIRSTS[p + 1]);
        parts.add(part);
        Tensor own = statistics.slice((long) p * ROWS * 4, ROWS, 4);
        backend.crossEntropyPart(loss, part(p), part, targets, own, part);
      }
      backend.crossEntropyOfParts(loss, CLASSES, targets, statistics, together);
      String what = loss + ", deviation " + deviation;
      assertArrayEquals(
          Values.read(losses), Values.read(together), 1e-12 * deviation * deviation, what);
      for (int p = 0; p < PARTS; p++) {
        Tensor gradient = parts.get(p);
        backend.crossEntropyOfPartsGradient(loss, part(p), targets, SCALE, statistics, gradient);
        try (Tensor right = columns(expected, FIRSTS[p], FIRSTS[p + 1])) {
          assertArrayEquals(Values.read(right), Values.read(gradient), 1e-11, what + ", part " + p);
        }
        gradient.release();
      }
    }
  }

  private static VocabularyPart part(int index) {
    return new VocabularyPart(index, FIRSTS[index], CLASSES);
  }

  @Test
  void refusesWhatIsNoPart() {
    assertThrows(IllegalArgumentException.class, () -> new VocabularyPart(0, 6, 5));
    assertThrows(IllegalArgumentException.class, () -> new VocabularyPart(-1, 0, 5));
    try (Tensor ids = backend.allocate(DType.I32, Shape.of(1), Category.WORKSPACE);
        Tensor table = tensor(3, 2);
        Tensor out = tensor(1, 2)) {
      backend.fill(ids, 4);
      VocabularyPart tooLate = new VocabularyPart(1, 3, 5);
      assertEquals(
          "embedding: 3 ids from 3 on are more than the vocabulary's 5",
          assertThrows(
                  IllegalArgumentException.class, () -> backend.embedding(tooLate, ids, table, out))
              .getMessage());
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> backend.embedding(new VocabularyPart(0, 0, 4), ids, table, out));
    }
    backend.close();
  }
}
