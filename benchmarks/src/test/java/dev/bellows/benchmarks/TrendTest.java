package dev.bellows.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;

class TrendTest {
  private static final long MIB = 1 << 20;

  @Test
  void theSlopeOfALineIsFoundBesideOutliers() {
    double[] x = {0, 1, 2, 3, 4, 5, 6};
    double[] y = {1, 3, 5, 1000, 9, 11, 13};
    assertEquals(2, Trend.slope(x, y), 1e-12);
    assertThrows(IllegalArgumentException.class, () -> Trend.slope(new double[1], new double[1]));
  }

  @Test
  void warmUpIsNoGrowthButALeakIs() {
    SoakResult flat = soak(step -> step < 1000 ? 10 * MIB : 50 * MIB + step % 300 * 1000, "");
    assertTrue(flat.isFlat(MIB, MIB), () -> "grows by " + flat.residentGrowth());
    SoakResult leak = soak(step -> 50 * MIB + step * 500L, "");
    assertEquals(2_500_000, leak.residentGrowth(), 1);
    assertFalse(leak.isFlat(MIB, MIB));
  }

  @Test
  void aSingleLargeJumpIsNotFlat() {
    SoakResult jump = soak(step -> step < 3000 ? 50 * MIB : 60 * MIB, "");
    assertTrue(jump.residentGrowth() <= MIB, () -> "the trend is " + jump.residentGrowth());
    assertFalse(jump.isFlat(MIB, MIB));
  }

  @Test
  void aLeakedBufferIsNotFlat() {
    SoakResult leak = soak(step -> MIB, "3 buffers were never released, bytes by category: …");
    assertEquals(3, leak.leakedBuffers());
    assertFalse(leak.isFlat(MIB, MIB));
  }

  private static SoakResult soak(IntToLongFunction resident, String complaint) {
    List<SoakResult.Sample> samples = new ArrayList<>();
    for (int steps = 100; steps <= 5000; steps += 100) {
      SideProcess.Footprint footprint =
          new SideProcess.Footprint(5 * MIB, resident.applyAsLong(steps));
      samples.add(new SoakResult.Sample(steps, footprint));
    }
    return new SoakResult(
        samples, 12, 5000, Optional.of(complaint).filter(text -> !text.isEmpty()));
  }
}
