package dev.bellows.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ParameterStoreTest {
  private final ReferenceBackend backend = new ReferenceBackend();
  private final Parameter table =
      Parameter.of("table", Shape.of(3, 5), Initializer.normal(1), true);
  private final Parameter bias = Parameter.of("bias", Shape.of(7), Initializer.uniform(0.5), false);
  private final Parameter head = table.tie("head");

  @AfterEach
  void leavesNothingBehind() {
    backend.close();
  }

  @Test
  void parametersStartOn64BytesAndUsesLieBehindThem() {
    try (ParameterStore store = new ParameterStore(backend, List.of(table, head, bias))) {
      assertEquals(List.of(table, bias), store.parameters());
      assertEquals(0, store.offset(0));
      assertEquals(16, store.offset(1));
      assertEquals(32, store.offset(2));
      assertEquals(32, store.values().elements());
      assertEquals(48, store.gradients().elements());
      assertEquals(32, store.primaryGradients().elements());
      assertEquals(3 * 5 + 7, store.parameterCount());
      assertEquals(table.value().segment().address(), head.value().segment().address());
      assertEquals(32 * Float.BYTES, head.gradient().byteOffset());
    }
  }

  @Test
  void usesAreAddedOnlyWhenCombined() {
    try (ParameterStore store = new ParameterStore(backend, List.of(table, head, bias))) {
      backend.fill(table.gradient(), 1);
      backend.fill(head.gradient(), 2);
      assertEquals(15, backend.sum(table.gradient()));
      store.combineUses();
      assertEquals(45, backend.sum(table.gradient()));
      assertEquals(30, backend.sum(head.gradient()));
    }
  }

  @Test
  void aSumThatNothingWasAddedToIsZero() {
    try (ParameterStore store = new ParameterStore(backend, List.of(table, head, bias))) {
      backend.fill(table.gradient(), 1);
      backend.fill(head.gradient(), 1);
      backend.fill(bias.gradient(), 1);
      store.beginAccumulation();
      assertTrue(bias.takeGradientFresh());
      store.endAccumulation();
      assertEquals(0, backend.sum(table.gradient()));
      assertEquals(0, backend.sum(head.gradient()));
      assertEquals(7, backend.sum(bias.gradient()));
    }
  }

  @Test
  void firstValuesDependOnSeedAndNameOnly() {
    double[] alone;
    try (ParameterStore store = new ParameterStore(backend, List.of(bias))) {
      store.initialise(3);
      alone = TestTensors.values(backend, bias.value());
    }
    try (ParameterStore store = new ParameterStore(backend, List.of(table, bias), DType.F64)) {
      store.initialise(3);
      assertArrayEquals(
          alone, TestTensors.values(backend, bias.value()), "another place and dtype");
      store.initialise(4);
      assertTrue(TestTensors.values(backend, bias.value())[0] != alone[0], "another seed");
    }
  }

  @Test
  void paddingStaysZero() {
    try (ParameterStore store = new ParameterStore(backend, List.of(table, bias))) {
      store.initialise(3);
      assertEquals(0, TestTensors.values(backend, store.values())[15]);
    }
  }

  @Test
  void twoParametersOfOneNameAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new ParameterStore(backend, List.of(table, table)));
  }

  @Test
  void otherDtypesAreRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new ParameterStore(backend, List.of(table), DType.BF16));
  }
}
