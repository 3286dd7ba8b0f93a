package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class GradientClippingTest {
  @Test
  void scalesOnlyWhatIsTooLarge() {
    assertEquals(1, GradientClipping.scale(0, 1));
    assertEquals(1, GradientClipping.scale(0.25, 1));
    assertEquals(2 / 5.000001, GradientClipping.scale(25, 2), 1e-16);
    // Torch's epsilon scales a norm of exactly the limit down a little.
    assertEquals(1 / 1.000001, GradientClipping.scale(1, 1), 1e-16);
  }

  @Test
  void brokenNormsStayVisible() {
    assertTrue(Double.isNaN(GradientClipping.scale(Double.NaN, 1)));
    assertEquals(0, GradientClipping.scale(Double.POSITIVE_INFINITY, 1));
    assertThrows(IllegalArgumentException.class, () -> GradientClipping.scale(-1, 1));
    assertThrows(IllegalArgumentException.class, () -> GradientClipping.scale(1, 0));
  }
}
