package dev.bellows.parallelism.security;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ReplayWindowTest {
  private static final long SEED = Long.getLong("bellows.test.seed", 20_261_124L);

  /// The oracle remembers every number.
  @Test
  void takesEachNumberOnceAndNoneThatIsTooOld() {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 200; trial++) {
      ReplayWindow window = new ReplayWindow();
      Set<Long> taken = new HashSet<>();
      long newest = -1;
      for (int i = 0; i < 500; i++) {
        long jump = random.nextInt(20) == 0 ? random.nextInt(200) : random.nextInt(4);
        long counter = Math.max(0, newest + jump - random.nextInt(80));
        boolean expected = !taken.contains(counter) && newest - counter < 64;
        String where = "seed " + SEED + ", trial " + trial + ", turn " + i + ", number " + counter;
        assertEquals(expected, window.isNew(counter), where);
        // Some packets turn out to be forged: they take nothing.
        if (expected && random.nextInt(3) > 0) {
          window.take(counter);
          taken.add(counter);
          newest = Math.max(newest, counter);
        }
      }
    }
  }

  @Test
  void refusesNumbersThatNobodyCounts() {
    ReplayWindow window = new ReplayWindow();
    assertFalse(window.isNew(-1));
    assertFalse(window.isNew(Long.MIN_VALUE));
    assertFalse(window.isNew(Long.MAX_VALUE));
    window.take(Long.MAX_VALUE - 1);
    assertFalse(window.isNew(0));
  }
}
