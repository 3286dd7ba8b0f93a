package dev.bellows.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.bellows.nn.Batch;
import dev.bellows.nn.Model;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.SampleRange;
import dev.bellows.nn.Tape;
import dev.bellows.nn.TestTensors;
import dev.bellows.nn.Unit;
import dev.bellows.nn.Unit.Position;
import dev.bellows.nn.Variable;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Tensor;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Models as lists of units.
class UnitsTest {
  static List<Model> models() {
    return List.of(
        TestModels.gpt(true), TestModels.llama(false), TestModels.mlp(), TestModels.cnn());
  }

  private static Batch batch(ReferenceBackend backend, Model model) {
    return switch (model) {
      case LanguageModel text -> TestModels.text(backend, text.vocabulary(), text.context(), 0, 2);
      case Mlp mlp -> TestModels.features(backend, mlp.config(), DType.F32, 0, 2);
      case Cnn cnn -> TestModels.images(backend, cnn.config(), DType.F32, 0, 2);
      default -> throw new IllegalArgumentException("no batch for " + model);
    };
  }

  @Test
  void namesAndPositions() {
    assertEquals(
        List.of("embedding BEFORE", "h.0 LAYER", "h.1 LAYER", "head BEHIND"),
        described(TestModels.gpt(true)));
    assertEquals(
        List.of("embedding BEFORE", "model.layers.0 LAYER", "model.layers.1 LAYER", "head BEHIND"),
        described(TestModels.llama(true)));
    assertEquals(
        List.of("layers.0 LAYER", "layers.1 LAYER", "head LAYER"), described(TestModels.mlp()));
    assertEquals(List.of("conv1 LAYER", "conv2 LAYER", "head BEHIND"), described(TestModels.cnn()));
  }

  private static List<String> described(Model model) {
    return model.units().stream().map(unit -> unit.name() + " " + unit.position()).toList();
  }

  @ParameterizedTest
  @MethodSource("models")
  void positionsAreInOrder(Model model) {
    Set<Position> passed = new HashSet<>();
    Position last = Position.BEFORE;
    for (Unit unit : model.units()) {
      if (unit.position() != last) {
        passed.add(last);
      }
      last = unit.position();
      assertEquals(false, passed.contains(last), unit.name());
    }
  }

  /// Each unit on a tape of its own, as on another device.
  @ParameterizedTest
  @MethodSource("models")
  void unitsOneByOneHaveTheBitsOfTheModel(Model model) {
    try (ReferenceBackend backend = new ReferenceBackend();
        ParameterStore store = new ParameterStore(backend, model.parameters());
        Batch batch = batch(backend, model)) {
      TestModels.randomise(backend, store);
      double[] expected;
      try (Tape tape = Tape.evaluating(backend)) {
        expected = TestTensors.values(backend, model.logits(tape, batch).value());
      }
      Tensor x = batch.inputs().retain();
      for (Unit unit : model.units()) {
        try (Tape tape = Tape.evaluating(backend)) {
          Variable y = unit.forward(tape, tape.constant(x), SampleRange.of(batch));
          x.release();
          x = y.value().retain();
          assertEquals(unit.width(), x.shape().dim(1), unit.name());
        }
      }
      assertArrayEquals(expected, TestTensors.values(backend, x));
      x.release();
    }
  }
}
