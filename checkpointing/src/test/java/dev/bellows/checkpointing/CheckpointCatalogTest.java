package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.checkpointing.CheckpointCatalog.Depth;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.LocalFileStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointCatalogTest {
  @TempDir Path folder;
  private final FileStore store = new LocalFileStore();
  private final TestState state = TestState.awkward(3);

  private CheckpointCatalog catalog() {
    return new CheckpointCatalog(store, folder.toString());
  }

  private void save(long step) throws IOException {
    state.save(
        store,
        catalog().begin(step),
        "save-" + (1000 + step),
        step,
        SavePlan.balance(state.tensors, 2));
  }

  private void flip(long step, String name) throws IOException {
    String path = catalog().folder(step) + "/" + name;
    byte[] bytes = store.readBytes(path);
    bytes[bytes.length / 2] ^= 1;
    store.publish(path, bytes);
  }

  @Test
  void stepsAreNewestFirstAndOnlyCommittedOnes() throws IOException {
    assertEquals(List.of(), catalog().steps());
    assertEquals(Optional.empty(), catalog().newestValid(Depth.STRUCTURE).step());
    for (long step : new long[] {9, 10, 100}) {
      save(step);
    }
    catalog().begin(200);
    store.createFolders(folder + "/checkpoints/step-000000300");
    assertEquals(List.of(100L, 10L, 9L), catalog().steps());
    assertEquals("step-00000100\n", store.readText(folder + "/checkpoints/LATEST"));
    assertTrue(catalog().folder(100).endsWith("/checkpoints/step-00000100"));
  }

  @Test
  void aDamagedNewestIsPassedOverWithItsReasons() throws IOException {
    for (long step : new long[] {1, 2, 3}) {
      save(step);
    }
    flip(3, "part-g1-r0-a0-0.safetensors");
    flip(2, "manifest.json");
    CheckpointCatalog.Selection selection = catalog().newestValid(Depth.EVERY_BYTE);
    assertEquals(1L, selection.step().orElseThrow());
    assertEquals(
        List.of(3L, 2L),
        selection.refused().stream().map(CheckpointCatalog.Refused::step).toList());
    assertEquals(
        "part-g1-r0-a0-0.safetensors", selection.refused().getFirst().problems().getFirst().file());
    assertEquals(3L, catalog().newestValid(Depth.STRUCTURE).step().orElseThrow());
    flip(1, "part-g1-r1-a0-0.index.json");
    assertEquals(Optional.empty(), catalog().newestValid(Depth.EVERY_BYTE).step());
  }

  @Test
  void retentionKeepsTheNewestSoundOnes() throws IOException {
    for (long step = 1; step <= 5; step++) {
      save(step);
    }
    flip(5, "manifest.json");
    assertEquals(List.of(2L, 1L), catalog().retain(2));
    assertEquals(List.of(5L, 4L, 3L), catalog().steps());
    assertFalse(store.exists(catalog().folder(1)));
    assertThrows(IllegalArgumentException.class, () -> catalog().retain(0));
    assertEquals(List.of(), catalog().retain(10));
  }

  @Test
  void cleaningTakesOnlyWhatWasNeverCommitted() throws IOException {
    save(1);
    state.write(store, catalog().begin(2), "save-0002", SavePlan.balance(state.tensors, 2));
    state.write(store, catalog().begin(3), "save-0003", SavePlan.balance(state.tensors, 2));
    store.publish(catalog().folder(1) + "/part-g0-r9-a0-0.safetensors", new byte[1]);
    store.publish(catalog().folder(1) + "/manifest.json.tmp-save-0009", new byte[1]);
    store.publish(folder + "/checkpoints/notes.txt", new byte[1]);
    List<String> deleted = catalog().clean(Set.of(3L));
    assertEquals(3, deleted.size(), deleted.toString());
    assertEquals(List.of(1L), catalog().steps());
    assertFalse(store.exists(catalog().folder(2)));
    assertTrue(store.exists(catalog().folder(3)));
    assertTrue(store.exists(folder + "/checkpoints/notes.txt"));
    assertEquals(List.of(), CheckpointVerifier.verify(store, catalog().folder(1)).strays());
    state.loadAll(store, catalog().folder(1));
  }

  @Test
  void aStepCanBeWrittenAnew() throws IOException {
    save(1);
    save(1);
    state.loadAll(store, catalog().folder(1));
  }
}
