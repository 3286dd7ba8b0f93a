package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.LocalFileStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A disk that fails at each write in turn: a save either succeeds or leaves nothing, and earlier checkpoints stay as they were.
class FaultTest {
  private static final long SEED = 7;

  @TempDir Path folder;
  private FileStore disk = new LocalFileStore();
  private final TestState state = TestState.awkward(SEED);

  @Test
  void afterAFaultAtAnyWriteNothingIsLeft() throws IOException {
    // in memory: hundreds of saves, each with its syncs
    disk = new MemoryFileStore();
    CheckpointCatalog catalog = new CheckpointCatalog(disk, folder.toString());
    state.save(disk, catalog.begin(1), "save-0000", 1, SavePlan.balance(state.tensors, 3));
    Map<String, List<Byte>> before = contents(catalog.folder(1));
    for (boolean forGood : new boolean[] {false, true}) {
      int failAt = 1;
      boolean saved = false;
      while (!saved) {
        FaultyFileStore faulty = new FaultyFileStore(disk, failAt, forGood, Long.MAX_VALUE);
        saved = save(faulty, catalog, failAt) && !faulty.fired();
        failAt++;
        assertEquals(before, contents(catalog.folder(1)), "fault at " + failAt);
      }
      assertTrue(
          failAt > 40, "only " + failAt + " operations could fail: this test would prove little");
    }
    assertEquals(1L, catalog.newestValid(CheckpointCatalog.Depth.EVERY_BYTE).step().orElseThrow());
  }

  /// Saves step 2 on `faulty`; whether that worked. Deletes the step in the end either way.
  private boolean save(FaultyFileStore faulty, CheckpointCatalog catalog, int failAt)
      throws IOException {
    String path = catalog.begin(2);
    SavePlan plan = SavePlan.balance(state.tensors, 3);
    List<PartReport> reports = new ArrayList<>();
    boolean saved = false;
    try {
      for (int writer = 0; writer < 3; writer++) {
        write(faulty, path, plan, writer, reports);
      }
      CheckpointCommit.commit(faulty, path, state.content(TestState.SAVE, 2), reports);
      assertTrue(CheckpointVerifier.verify(disk, path).valid());
      saved = true;
    } catch (CheckpointException e) {
      assertEquals(CheckpointException.Kind.SAVE_FAILED, e.kind());
      assertTrue(e.getMessage().contains("No space left on device"), e.getMessage());
      assertFalse(disk.exists(path + "/manifest.json"), "fault at " + failAt);
      assertTrue(
          disk.list(path).stream().noneMatch(entry -> entry.name().contains(".tmp-")),
          "fault at " + failAt);
    }
    catalog.discard(2);
    assertFalse(disk.exists(path));
    return saved;
  }

  private void write(
      FaultyFileStore faulty, String path, SavePlan plan, int writer, List<PartReport> reports)
      throws IOException {
    try {
      PartIdentity identity = new PartIdentity(TestState.SAVE, 1, writer, 0);
      reports.addAll(
          CheckpointWriter.write(
              faulty, path, identity, plan, writer, state, TestState.CHUNK, 40_000));
    } catch (CheckpointException e) {
      String mine = "part-g1-r" + writer + "-";
      assertTrue(
          disk.list(path).stream().noneMatch(entry -> entry.name().startsWith(mine)),
          e.getMessage());
      throw e;
    }
  }

  private Map<String, List<Byte>> contents(String path) throws IOException {
    Map<String, List<Byte>> contents = new HashMap<>();
    for (FileStore.Entry entry : disk.list(path)) {
      List<Byte> bytes = new ArrayList<>();
      for (byte b : disk.readBytes(entry.path())) {
        bytes.add(b);
      }
      contents.put(entry.name(), bytes);
    }
    return contents;
  }

  @Test
  void theMessageSaysWhatFailedAndWhere() {
    FaultyFileStore faulty = new FaultyFileStore(disk, 3, false, Long.MAX_VALUE);
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () ->
                state.write(
                    faulty, folder.toString(), TestState.SAVE, SavePlan.balance(state.tensors, 1)));
    assertTrue(
        e.getMessage()
            .contains(
                "writing tensor embed.weight at byte 4096 of part-g1-r0-a0-0.safetensors failed and"
                    + " this writer's files were deleted: "),
        e.getMessage());
  }

  @Test
  void tooLittleSpaceIsRefusedBeforeTheFirstByte() throws IOException {
    FaultyFileStore faulty = new FaultyFileStore(disk, Integer.MAX_VALUE, false, 60_000);
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () ->
                state.write(
                    faulty, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 1)));
    assertTrue(e.getMessage().contains("bytes, and 60000 are free"), e.getMessage());
    assertFalse(disk.exists(folder + "/s"));
  }

  @Test
  void aFileOfAnotherWriterIsNeverTouched() throws IOException {
    disk.publish(folder + "/s/part-g1-r0-a0-0.index.json", new byte[] {1, 2, 3});
    assertThrows(
        CheckpointException.class,
        () -> state.write(disk, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 1)));
    assertEquals(1, disk.list(folder + "/s").size());
    assertEquals(3, disk.readBytes(folder + "/s/part-g1-r0-a0-0.index.json").length);
  }

  @Test
  void aSourceThatThrowsLeavesNothing() throws IOException {
    SavePlan plan = SavePlan.balance(state.tensors, 1);
    BlockSource source =
        block -> {
          if (block.tensor().equals("mask")) {
            throw new OutOfMemoryError("on purpose");
          }
          return state.bytes(block);
        };
    PartIdentity identity = new PartIdentity(TestState.SAVE, 1, 0, 0);
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () -> CheckpointWriter.write(disk, folder + "/s", identity, plan, 0, source));
    assertTrue(e.getMessage().contains("tensor mask"), e.getMessage());
    assertEquals(List.of(), disk.list(folder + "/s"));
  }

  @Test
  void incompleteOrDoubledSetsAreNotCommitted() throws IOException {
    List<PartReport> reports =
        state.write(disk, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 3));
    for (int gone = 0; gone < reports.size(); gone++) {
      List<PartReport> fewer = new ArrayList<>(reports);
      fewer.remove(gone);
      refused(fewer, TestState.SAVE, "is in no piece", "pieces of a tensor without elements");
    }
    List<PartReport> doubled = new ArrayList<>(reports);
    doubled.add(reports.getFirst());
    refused(doubled, TestState.SAVE, "was reported twice");
    refused(reports, "save-0002", "belongs to save save-0001, not to save-0002");
    PartReport first = reports.getFirst();
    List<PartReport> wrong = new ArrayList<>(reports);
    wrong.set(
        0,
        new PartReport(
            first.saveId(),
            first.file(),
            first.length() + 1,
            first.indexLength(),
            first.indexSha256(),
            1,
            1));
    refused(wrong, TestState.SAVE, "bytes; ");
    PartIdentity other = new PartIdentity(TestState.SAVE, 2, 0, 0);
    SavePlan plan = SavePlan.balance(state.tensors, 3);
    List<PartReport> again = new ArrayList<>(reports);
    again.addAll(CheckpointWriter.write(disk, folder + "/s", other, plan, 0, state));
    refused(again, TestState.SAVE, "is in 2 pieces", "2 pieces of a tensor");
    disk.delete(folder + "/s/" + first.file());
    refused(reports, TestState.SAVE, "is missing");
  }

  private void refused(List<PartReport> reports, String saveId, String... messages)
      throws IOException {
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () -> CheckpointCommit.commit(disk, folder + "/s", state.content(saveId, 2), reports));
    assertEquals(CheckpointException.Kind.SAVE_FAILED, e.kind());
    assertTrue(List.of(messages).stream().anyMatch(e.getMessage()::contains), e.getMessage());
    assertFalse(disk.exists(folder + "/s/manifest.json"));
  }

  @Test
  void aLostLeaseStopsTheCommitAtTheLastMoment() throws IOException {
    List<PartReport> reports =
        state.write(disk, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 2));
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () ->
                CheckpointCommit.commit(
                    disk,
                    folder + "/s",
                    state.content(TestState.SAVE, 2),
                    reports,
                    () -> {
                      throw new IOException("generation 4 has another coordinator");
                    }));
    assertTrue(e.getMessage().contains("generation 4 has another coordinator"), e.getMessage());
    assertTrue(
        disk.list(folder + "/s").stream().noneMatch(entry -> entry.name().startsWith("manifest")));
    CheckpointCommit.commit(disk, folder + "/s", state.content(TestState.SAVE, 2), reports);
    CheckpointException again =
        assertThrows(
            CheckpointException.class,
            () ->
                CheckpointCommit.commit(
                    disk, folder + "/s", state.content(TestState.SAVE, 2), reports));
    assertTrue(again.getMessage().contains("is already there"), again.getMessage());
    state.loadAll(disk, folder + "/s");
  }
}
