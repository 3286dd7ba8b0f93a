package dev.bellows.parallelism.security;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RunKeyTest {
  @Test
  void isNewEveryTime() {
    assertNotEquals(RunKey.fresh(), RunKey.fresh());
    assertEquals(RunKey.BYTES, RunKey.fresh().bytes().length);
  }

  @Test
  void saysNothingOfItself() {
    byte[] secret = new byte[RunKey.BYTES];
    Arrays.fill(secret, (byte) 0x5a);
    RunKey key = RunKey.of(secret);
    assertEquals("run key (hidden)", key.toString());
    assertEquals(key.hashCode(), RunKey.fresh().hashCode());
    secret[0] = 0;
    assertEquals(0x5a, key.bytes()[0], "the caller's array is the caller's");
    key.bytes()[0] = 0;
    assertEquals(0x5a, key.bytes()[0], "and so is the one handed out");
  }

  @Test
  void travelsAsAnObject() throws Exception {
    RunKey key = RunKey.fresh();
    RunKey copy = copy(key);
    assertEquals(key, copy);
    assertArrayEquals(key.bytes(), copy.bytes());
    assertFalse(copy.isNone());
    assertTrue(copy(RunKey.none()).isNone());
    assertEquals(RunKey.none(), RunKey.of(new byte[0]));
  }

  private static RunKey copy(RunKey key) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(key);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return (RunKey) in.readObject();
    }
  }

  @Test
  void refusesOtherLengths() {
    assertThrows(IllegalArgumentException.class, () -> RunKey.of(new byte[16]));
    assertThrows(IllegalStateException.class, () -> RunKey.none().secret());
  }
}
