package dev.bellows.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What every [FileStore] must do; a thin subclass per store gives the store and an empty folder.
public abstract class FileStoreConformance {
  private static final long SEED = 20260101;

  /// The store under test.
  protected abstract FileStore store() throws IOException;

  /// A folder of this test's own in the store's form; it does not exist yet.
  protected abstract String root();

  @AfterEach
  void deleteRoot() throws IOException {
    store().delete(root());
  }

  private String at(String child) {
    return FileStores.resolve(root(), child);
  }

  private void put(String path, byte[] bytes) throws IOException {
    try (FileStore.Writer writer = store().create(path, false)) {
      writer.write(MemorySegment.ofArray(bytes));
      writer.sync();
    }
  }

  private static byte[] random(int count) {
    byte[] bytes = new byte[count];
    new Random(SEED + count).nextBytes(bytes);
    return bytes;
  }

  @Test
  void readsBackWhatWasWritten() throws IOException {
    for (int size : new int[] {0, 1, 4095, 4096, 4097, 5_000_000}) {
      byte[] bytes = random(size);
      put(at("sizes/file-" + size), bytes);
      try (FileStore.Reader reader = store().open(at("sizes/file-" + size))) {
        assertEquals(size, reader.length());
      }
      assertArrayEquals(bytes, store().readBytes(at("sizes/file-" + size)), "size " + size);
    }
  }

  @Test
  void readsRangesIntoAnyMemory() throws IOException {
    byte[] bytes = random(9_000_000);
    put(at("ranges"), bytes);
    Random random = new Random(SEED);
    try (FileStore.Reader reader = store().open(at("ranges"));
        Arena arena = Arena.ofShared()) {
      for (int round = 0; round < 50; round++) {
        int from = random.nextInt(bytes.length);
        int count = 4 * (random.nextInt(Math.min(100_000, bytes.length - from)) / 4);
        MemorySegment[] targets = {
          arena.allocate(Math.max(1, count)).asSlice(0, count),
          MemorySegment.ofArray(new byte[count]),
          MemorySegment.ofArray(new float[count / 4])
        };
        for (MemorySegment target : targets) {
          reader.read(from, target);
          assertEquals(
              -1,
              MemorySegment.ofArray(bytes).asSlice(from, count).mismatch(target),
              "seed " + SEED + ", " + count + " bytes at " + from);
        }
      }
    }
  }

  @Test
  void writesFromAnyMemory() throws IOException {
    float[] floats = {1, -0.0f, Float.MIN_VALUE, 3};
    try (Arena arena = Arena.ofConfined();
        FileStore.Writer writer = store().create(at("mixed"), false)) {
      MemorySegment direct = arena.allocateFrom(ValueLayout.JAVA_FLOAT, floats);
      writer.write(direct);
      writer.write(MemorySegment.ofArray(floats));
      writer.write(MemorySegment.ofArray(direct.toArray(ValueLayout.JAVA_BYTE)).asReadOnly());
      writer.sync();
    }
    byte[] one = MemorySegment.ofArray(floats).toArray(ValueLayout.JAVA_BYTE);
    byte[] all = store().readBytes(at("mixed"));
    assertEquals(3 * one.length, all.length);
    for (int i = 0; i < all.length; i++) {
      assertEquals(one[i % one.length], all[i], "byte " + i);
    }
  }

  @Test
  void appendsAgainAndAgain() throws IOException {
    byte[] all = random(30_000);
    put(at("growing"), Arrays.copyOf(all, 10));
    for (int from = 10, count = 1; from < all.length; from += count, count *= 7) {
      count = Math.min(count, all.length - from);
      try (FileStore.Writer writer = store().append(at("growing"))) {
        writer.write(MemorySegment.ofArray(Arrays.copyOfRange(all, from, from + count)));
        writer.sync();
      }
      assertArrayEquals(
          Arrays.copyOf(all, from + count), store().readBytes(at("growing")), "at " + from);
    }
    assertThrows(NoSuchFileException.class, () -> store().append(at("absent")));
  }

  @Test
  void concurrentReadsOfOneReaderDoNotMix() throws Exception {
    byte[] bytes = random(3_000_000);
    put(at("shared"), bytes);
    try (FileStore.Reader reader = store().open(at("shared"));
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Callable<Long>> tasks = new ArrayList<>();
      for (int task = 0; task < 24; task++) {
        int from = task * 100_000;
        tasks.add(
            () -> {
              MemorySegment target = MemorySegment.ofArray(new byte[100_000]);
              reader.read(from, target);
              return MemorySegment.ofArray(bytes).asSlice(from, 100_000).mismatch(target);
            });
      }
      for (Future<Long> result : threads.invokeAll(tasks)) {
        assertEquals(-1L, result.get());
      }
    }
  }

  @Test
  void readingPastTheEndFails() throws IOException {
    put(at("short"), random(10));
    try (FileStore.Reader reader = store().open(at("short"))) {
      MemorySegment target = MemorySegment.ofArray(new byte[4]);
      reader.read(6, target);
      reader.read(10, MemorySegment.ofArray(new byte[0]));
      for (long offset : new long[] {7, 10, 11, Long.MAX_VALUE, -1}) {
        EOFException e = assertThrows(EOFException.class, () -> reader.read(offset, target));
        assertTrue(e.getMessage().contains("short"), e.getMessage());
      }
    }
  }

  @Test
  void createRefusesAnExistingFileUnlessTold() throws IOException {
    put(at("once"), random(10));
    var e = assertThrows(FileAlreadyExistsException.class, () -> store().create(at("once"), false));
    assertTrue(e.getMessage().contains("once"), e.getMessage());
    try (FileStore.Writer writer = store().create(at("once"), true)) {
      writer.write(MemorySegment.ofArray(random(3)));
      writer.sync();
    }
    assertArrayEquals(random(3), store().readBytes(at("once")));
  }

  @Test
  void missingThingsAreNamed() throws IOException {
    var e = assertThrows(NoSuchFileException.class, () -> store().open(at("nowhere/file")));
    assertTrue(e.getMessage().contains("nowhere/file"), e.getMessage());
    var move =
        assertThrows(NoSuchFileException.class, () -> store().replace(at("missing"), at("target")));
    assertTrue(move.getMessage().contains("missing"), move.getMessage());
    assertFalse(store().exists(at("nowhere")));
    assertEquals(List.of(), store().list(at("nowhere")));
    store().delete(at("nowhere"));
  }

  @Test
  void aFolderIsNotAFile() throws IOException {
    store().createFolders(at("folder"));
    assertThrows(IOException.class, () -> store().open(at("folder")));
    assertThrows(IOException.class, () -> store().create(at("folder"), true));
    put(at("file"), random(4));
    assertThrows(IOException.class, () -> store().createFolders(at("file")));
    assertThrows(IOException.class, () -> store().create(at("file/below"), false));
    assertThrows(IOException.class, () -> store().replace(at("file"), at("folder")));
    assertArrayEquals(random(4), store().readBytes(at("file")));
  }

  @Test
  void listsInNameOrder() throws IOException {
    put(at("list/b"), random(3));
    put(at("list/a"), random(2));
    put(at("list/c/deep"), random(1));
    store().createFolders(at("list/c"));
    assertEquals(
        List.of(
            new FileStore.Entry(at("list/a"), 2, false),
            new FileStore.Entry(at("list/b"), 3, false),
            new FileStore.Entry(at("list/c"), 0, true)),
        store().list(at("list")));
    assertEquals("a", store().list(at("list")).getFirst().name());
    assertThrows(IOException.class, () -> store().list(at("list/a")));
  }

  @Test
  void replaceTakesThePlaceOfAFileOrOfNothing() throws IOException {
    put(at("new"), random(7));
    store().replace(at("new"), at("current"));
    put(at("newer"), random(9));
    store().replace(at("newer"), at("current"));
    assertArrayEquals(random(9), store().readBytes(at("current")));
    assertFalse(store().exists(at("new")));
    assertFalse(store().exists(at("newer")));
  }

  @Test
  void readersSeeTheOldOrTheNewPublishedFile() throws Exception {
    byte[][] versions = {random(1000), random(1001)};
    store().publish(at("pointer"), versions[0]);
    try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
      Future<Integer> reads =
          threads.submit(
              () -> {
                int seen = 0;
                for (; seen < 100; seen++) {
                  byte[] bytes = store().readBytes(at("pointer"));
                  assertArrayEquals(versions[bytes.length - 1000], bytes);
                }
                return seen;
              });
      for (int i = 1; i < 21; i++) {
        store().publish(at("pointer"), versions[i % 2]);
      }
      assertEquals(100, reads.get());
    }
    assertEquals(
        List.of("pointer"), store().list(root()).stream().map(FileStore.Entry::name).toList());
  }

  @Test
  void aFailedPublishLeavesNothingBeside() throws IOException {
    store().createFolders(at("taken"));
    assertThrows(IOException.class, () -> store().publish(at("taken"), random(10)));
    assertEquals(
        List.of("taken"), store().list(root()).stream().map(FileStore.Entry::name).toList());
  }

  @Test
  void deletesFilesAndTrees() throws IOException {
    put(at("tree/a/b"), random(1));
    put(at("tree/c"), random(1));
    store().delete(at("tree/c"));
    assertFalse(store().exists(at("tree/c")));
    assertTrue(store().exists(at("tree/a")));
    store().delete(at("tree"));
    assertFalse(store().exists(at("tree")));
  }

  @Test
  void saysHowMuchRoomThereIs() throws IOException {
    assertTrue(store().usableBytes(at("not/yet/there")) > 1 << 20);
  }

  @Test
  void readsTextAsUtf8() throws IOException {
    store().publish(at("text"), "gewählt: ∂L/∂w\n".getBytes(StandardCharsets.UTF_8));
    assertEquals("gewählt: ∂L/∂w\n", store().readText(at("text")));
  }
}
