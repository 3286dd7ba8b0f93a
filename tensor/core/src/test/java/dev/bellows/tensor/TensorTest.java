package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TensorTest {
  private final ReferenceBackend backend = new ReferenceBackend();

  @AfterEach
  void close() {
    backend.close();
  }

  @Test
  void shapes() {
    long[] dims = {2, 3, 4};
    Shape shape = Shape.of(dims);
    dims[0] = 9;
    assertEquals(24, shape.elements());
    assertEquals(3, shape.rank());
    assertEquals(2, shape.dim(0));
    assertEquals(4, shape.dim(-1));
    assertEquals(2, shape.dim(-3));
    assertEquals("[2, 3, 4]", shape.toString());
    shape.dims()[0] = 7;
    assertEquals(Shape.of(2, 3, 4), shape);
    assertEquals(Shape.of(2, 3, 4).hashCode(), shape.hashCode());
    assertNotEquals(Shape.of(2, 12), shape);
    assertEquals(1, Shape.of().elements());
    assertEquals(0, Shape.of(5, 0).elements());
    assertThrows(IllegalArgumentException.class, () -> Shape.of(2, -1));
    assertThrows(IllegalArgumentException.class, () -> Shape.of(1L << 40, 1L << 40));
    assertThrows(IllegalArgumentException.class, () -> Shape.of(1L << 32, 1L << 31));
    assertThrows(IndexOutOfBoundsException.class, () -> shape.dim(3));
  }

  @Test
  void viewsShareTheBytes() {
    try (Tensor x = backend.allocate(DType.F32, Shape.of(2, 6), Category.WORKSPACE)) {
      Values.write(new double[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, x);
      assertEquals(48, x.bytes());
      assertEquals("F32[2, 6]", x.toString());
      Tensor row = x.slice(6, 6);
      assertEquals(6, Values.read(row, 0));
      assertEquals(24, row.byteOffset());
      Tensor block = row.slice(2, 2, 2);
      assertEquals(Shape.of(2, 2), block.shape());
      assertEquals(8, Values.read(block, 0));
      Values.write(-1, block, 3);
      assertEquals(-1, Values.read(x.view(3, 4), 11));
      assertSame(x.storage(), block.storage());
      assertThrows(IllegalArgumentException.class, () -> x.view(5));
      assertThrows(IllegalArgumentException.class, () -> row.view(12));
    }
  }

  /// Found in the first version: a slice of a slice could reach its neighbours' elements, anywhere in the storage.
  @Test
  void aSliceStaysInsideItsTensor() {
    try (Tensor x = backend.allocate(DType.F32, Shape.of(12), Category.WORKSPACE)) {
      Tensor middle = x.slice(4, 4);
      assertThrows(IndexOutOfBoundsException.class, () -> middle.slice(-1, 2));
      assertThrows(IndexOutOfBoundsException.class, () -> middle.slice(1, 4));
      assertThrows(IndexOutOfBoundsException.class, () -> middle.slice(5, 0));
      assertThrows(IndexOutOfBoundsException.class, () -> x.slice(0, 13));
      assertEquals(0, middle.slice(4, 0).elements());
    }
  }

  @Test
  void ownersAreSharedByViews() {
    Tensor x = backend.allocate(DType.I64, Shape.of(3), Category.WORKSPACE);
    Tensor view = x.view(3, 1).retain();
    x.release();
    assertTrue(view.storage().isLive());
    view.close();
    assertFalse(x.storage().isLive());
    assertThrows(IllegalStateException.class, x::release);
    assertEquals(0, backend.memory().liveBuffers());
  }

  @Test
  void sizesBeyondALongAreRefused() {
    assertThrows(
        ArithmeticException.class,
        () -> backend.allocate(DType.F64, Shape.of(1L << 61), Category.WORKSPACE));
  }

  @Test
  void stepsCountFromOne() {
    assertThrows(
        IllegalArgumentException.class, () -> new AdamWStep(0.1, 0.9, 0.999, 1e-8, 0, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new SgdStep(0.1, 0.9, false, 0, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new Attention(1, 4, 3, 2, 8, true));
  }

  @Test
  void unknownBackendsAreNamed() {
    BackendUnavailableException unknown =
        assertThrows(
            BackendUnavailableException.class,
            () -> Backends.open("abacus", BackendOptions.threads(1)));
    assertTrue(
        unknown.getMessage().contains("abacus") && unknown.getMessage().contains("reference"),
        unknown.getMessage());
    // This module's tests see no provider.
    assertThrows(
        BackendUnavailableException.class, () -> Backends.open("auto", BackendOptions.threads(1)));
    assertThrows(IllegalArgumentException.class, () -> BackendOptions.threads(0));
  }
}
