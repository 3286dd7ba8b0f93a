package dev.bellows.optimizers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class LossScalerTest {
  @Test
  void doublesAfterGoodStepsAndHalvesAfterABadOne() {
    LossScaler scaler = LossScaler.dynamic(8, 3);
    scaler.record(true);
    scaler.record(true);
    assertEquals(8, scaler.scale());
    scaler.record(true);
    assertEquals(16, scaler.scale());
    scaler.record(true);
    scaler.record(true);
    scaler.record(false);
    assertEquals(new LossScaler.State(8, 0, 1), scaler.state(), "the row of good steps is broken");
    scaler.record(true);
    scaler.record(true);
    assertEquals(8, scaler.scale());
    scaler.record(true);
    assertEquals(16, scaler.scale());
    assertEquals(1, scaler.skipped());
  }

  @Test
  void oneIsTheLeast() {
    LossScaler scaler = LossScaler.dynamic(2, 10);
    assertTrue(scaler.canBackOff());
    scaler.record(false);
    assertEquals(1, scaler.scale());
    assertFalse(scaler.canBackOff());
    LossScaler large = LossScaler.dynamic(0x1p64, 1);
    large.record(true);
    assertEquals(0x1p64, large.scale());
  }

  @Test
  void goesOnFromItsState() {
    LossScaler first = LossScaler.dynamic(4, 2);
    first.record(false);
    first.record(true);
    LossScaler second = LossScaler.dynamic(1024, 2);
    second.restore(first.state());
    second.record(true);
    assertEquals(new LossScaler.State(4, 0, 1), second.state());
  }

  @Test
  void offStaysOff() {
    LossScaler off = LossScaler.off();
    off.record(false);
    assertFalse(off.isOn() || off.canBackOff());
    assertEquals(1, off.scale());
    assertEquals(0, off.skipped());
    assertThrows(IllegalStateException.class, () -> off.restore(new LossScaler.State(2, 0, 0)));
  }

  @Test
  void refusesWhatIsNoScale() {
    for (double wrong : new double[] {0, 0.5, 3, -2, 0x1p65, Double.NaN}) {
      assertThrows(IllegalArgumentException.class, () -> LossScaler.dynamic(wrong, 1));
    }
    assertThrows(IllegalArgumentException.class, () -> LossScaler.dynamic(2, 0));
  }
}
