package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.LocalFileStore;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoundTripTest {
  private static final long SEED = 424242;

  @TempDir Path folder;
  private FileStore store = new LocalFileStore();

  private static Block randomBlock(LogicalTensor tensor, Random random) {
    long[] start = new long[tensor.shape().rank()];
    long[] extent = new long[start.length];
    for (int d = 0; d < start.length; d++) {
      start[d] = random.nextLong(tensor.shape().dim(d));
      extent[d] = 1 + random.nextLong(tensor.shape().dim(d) - start[d]);
    }
    return new Block(tensor.name(), start, extent);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 7})
  void anyNumberOfWritersAnyBlocksForReaders(int writers) throws IOException {
    TestState state = TestState.awkward(SEED + writers);
    String path = folder + "/step";
    Manifest manifest =
        state.save(store, path, TestState.SAVE, 5, SavePlan.balance(state.tensors, writers));
    assertEquals(List.of(), CheckpointVerifier.verify(store, path).problems());
    state.loadAll(store, path);
    assertEquals(manifest, Manifest.read(store, path));
    readRandomBlocks(state, path, new Random(SEED), 300);
  }

  private void readRandomBlocks(TestState state, String path, Random random, int count)
      throws IOException {
    try (CheckpointReader reader = CheckpointReader.open(store, path)) {
      for (int i = 0; i < count; i++) {
        LogicalTensor tensor = state.tensors.get(random.nextInt(state.tensors.size()));
        Block block =
            tensor.shape().elements() == 0 ? Block.whole(tensor) : randomBlock(tensor, random);
        byte[] target = new byte[(int) block.elements() * tensor.dtype().bytes()];
        reader.read(block, MemorySegment.ofArray(target));
        assertArrayEquals(
            state.block(block), target, "seed " + SEED + ", round " + i + ", " + block);
      }
    }
  }

  /// Cuts each tensor by random planes, deals the blocks to random writers, and reads other blocks: any layout to any layout.
  @Test
  void randomLayoutsToRandomBlocks() throws IOException {
    // in memory: each file on a disk would wait for its sync
    store = new MemoryFileStore();
    for (int round = 0; round < 40; round++) {
      Random random = new Random(SEED + round);
      List<LogicalTensor> tensors = new ArrayList<>();
      for (int t = 0; t < 5; t++) {
        long[] dims = random.longs(random.nextInt(5), 1, 9).toArray();
        DType dtype = DType.values()[random.nextInt(DType.values().length)];
        tensors.add(new LogicalTensor("t" + t, dtype, Shape.of(dims), LogicalTensor.PARAMETER));
      }
      TestState state = new TestState(SEED + round, tensors);
      List<List<Block>> owned = new ArrayList<>();
      int writers = 1 + random.nextInt(4);
      for (int w = 0; w < writers; w++) {
        owned.add(new ArrayList<>());
      }
      for (LogicalTensor tensor : tensors) {
        List<Block> blocks = new ArrayList<>(List.of(Block.whole(tensor)));
        for (int cut = 0; cut < random.nextInt(12); cut++) {
          split(blocks, random);
        }
        blocks.forEach(block -> owned.get(random.nextInt(writers)).add(block));
      }
      String path = folder + "/round-" + round;
      state.save(store, path, TestState.SAVE, round, SavePlan.of(tensors, owned));
      assertEquals(
          List.of(), CheckpointVerifier.verify(store, path).problems(), "seed " + (SEED + round));
      state.loadAll(store, path);
      readRandomBlocks(state, path, random, 100);
    }
  }

  private static void split(List<Block> blocks, Random random) {
    Block block = blocks.remove(random.nextInt(blocks.size()));
    int dim = block.rank() == 0 ? 0 : random.nextInt(block.rank());
    if (block.rank() == 0 || block.extent(dim) < 2) {
      blocks.add(block);
      return;
    }
    long size = 1 + random.nextLong(block.extent(dim) - 1);
    long[] start = block.start();
    long[] extent = block.extent();
    extent[dim] = size;
    blocks.add(new Block(block.tensor(), start, extent));
    start[dim] += size;
    extent[dim] = block.extent(dim) - size;
    blocks.add(new Block(block.tensor(), start, extent));
  }

  @Test
  void piecesSpanChunksOfTheRealSize() throws IOException {
    TestState state = new TestState(SEED, List.of(TestState.tensor("big", DType.F32, 1001, 3001)));
    SavePlan plan = SavePlan.balance(state.tensors, 2);
    String path = folder + "/big";
    List<PartReport> reports = new ArrayList<>();
    for (int writer = 0; writer < 2; writer++) {
      try (Snapshot snapshot = new Snapshot(plan, writer)) {
        assertThrows(IllegalStateException.class, () -> snapshot.bytes(plan.blocks(0).getFirst()));
        snapshot.capture(state);
        reports.addAll(
            CheckpointWriter.write(
                store,
                path,
                new PartIdentity(TestState.SAVE, 3, 5 + writer, 1),
                plan,
                writer,
                snapshot));
      }
    }
    assertEquals("part-g3-r5-a1-0.safetensors", reports.getFirst().file());
    CheckpointCommit.commit(store, path, state.content(TestState.SAVE, 1), reports);
    assertEquals(List.of(), CheckpointVerifier.verify(store, path).problems());
    state.loadAll(store, path);
    Block column = new Block("big", new long[] {0, 17}, new long[] {1001, 3});
    byte[] target = new byte[1001 * 3 * 4];
    try (CheckpointReader reader = CheckpointReader.open(store, path)) {
      reader.read(column, MemorySegment.ofArray(target));
    }
    assertArrayEquals(state.block(column), target);
  }

  @Test
  void aSnapshotIsWhatItWasWhenCaptured() throws IOException {
    TestState state = TestState.awkward(SEED);
    SavePlan plan = SavePlan.balance(state.tensors, 1);
    TestState old = TestState.awkward(SEED);
    try (Snapshot snapshot = new Snapshot(plan, 0)) {
      snapshot.capture(state);
      assertEquals(0, snapshot.bytes(plan.blocks(0).getFirst()).address() % 4096);
      state.bytes.values().forEach(bytes -> java.util.Arrays.fill(bytes, (byte) 7));
      List<PartReport> reports =
          CheckpointWriter.write(
              store, folder + "/s", new PartIdentity(TestState.SAVE, 1, 0, 0), plan, 0, snapshot);
      CheckpointCommit.commit(store, folder + "/s", state.content(TestState.SAVE, 1), reports);
    }
    old.loadAll(store, folder + "/s");
  }

  @Test
  void readersMayShareOneReader() throws Exception {
    TestState state = TestState.awkward(SEED);
    state.save(store, folder + "/s", TestState.SAVE, 5, SavePlan.balance(state.tensors, 3));
    try (CheckpointReader reader = CheckpointReader.open(store, folder + "/s");
        ExecutorService threads = Executors.newFixedThreadPool(4);
        Arena arena = Arena.ofShared()) {
      List<Callable<Boolean>> tasks = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        Block block = randomBlock(state.tensors.getFirst(), new Random(SEED + i));
        MemorySegment target = arena.allocate(block.elements() * 4);
        tasks.add(
            () -> {
              reader.read(block, target);
              return java.util.Arrays.equals(
                  state.block(block), target.toArray(ValueLayout.JAVA_BYTE));
            });
      }
      for (Future<Boolean> result : threads.invokeAll(tasks)) {
        assertTrue(result.get());
      }
    }
  }

  @Test
  void partsAreBoundedAndNumbered() throws IOException {
    TestState state = TestState.awkward(SEED);
    List<PartReport> reports =
        state.write(store, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 1));
    List<String> files = reports.stream().map(PartReport::file).toList();
    assertEquals(List.of("part-g1-r0-a0-0.safetensors", "part-g1-r0-a0-1.safetensors"), files);
    assertEquals(
        state.tensors.stream().mapToLong(LogicalTensor::bytes).sum(),
        reports.stream().mapToLong(PartReport::payloadBytes).sum());
  }

  @Test
  void aBlockThatDoesNotFitIsRefused() throws IOException {
    TestState state = TestState.awkward(SEED);
    state.save(store, folder + "/s", TestState.SAVE, 5, SavePlan.balance(state.tensors, 1));
    try (CheckpointReader reader = CheckpointReader.open(store, folder + "/s")) {
      MemorySegment target = MemorySegment.ofArray(new byte[20]);
      for (Block block :
          List.of(
              new Block("nobody", new long[] {0}, new long[] {5}),
              new Block("block.0.bias", new long[] {1}, new long[] {5}),
              new Block("block.0.bias", new long[] {0, 0}, new long[] {5, 1}),
              new Block("block.0.bias", new long[] {0}, new long[] {4}),
              new Block("block.0.bias", new long[] {2}, new long[] {0}))) {
        CheckpointException e =
            assertThrows(
                CheckpointException.class, () -> reader.read(block, target), block.toString());
        assertEquals(CheckpointException.Kind.MISMATCH, e.kind());
        assertEquals(block.tensor(), e.problem().tensor());
      }
    }
  }

  @Test
  void theLedgerNamesWhatWasLeftOut() throws IOException {
    TestState state = TestState.awkward(SEED);
    state.save(store, folder + "/s", TestState.SAVE, 5, SavePlan.balance(state.tensors, 2));
    try (CheckpointReader reader = CheckpointReader.open(store, folder + "/s")) {
      for (LogicalTensor tensor : state.tensors) {
        if (tensor.role().equals(LogicalTensor.PARAMETER) && !tensor.name().equals("mask")) {
          reader.readWhole(tensor.name(), MemorySegment.ofArray(new byte[(int) tensor.bytes()]));
        }
      }
      reader.read(
          new Block("mask", new long[] {0}, new long[] {400}),
          MemorySegment.ofArray(new byte[400]));
      CheckpointException e =
          assertThrows(CheckpointException.class, () -> reader.ledger().finish());
      assertTrue(e.getMessage().contains("left out 2 tensors"), e.getMessage());
      assertTrue(
          e.getMessage()
              .contains("mask (element [400] is missing), exp_avg/embed.weight (nothing of it)"),
          e.getMessage());
      reader.ledger().skipRole(LogicalTensor.OPTIMIZER, "weights only");
      reader.ledger().finishShard();
      assertThrows(CheckpointException.class, () -> reader.ledger().finish());
      assertThrows(CheckpointException.class, () -> reader.ledger().skip("nobody", "why not"));
      reader.read(
          new Block("mask", new long[] {300}, new long[] {700}),
          MemorySegment.ofArray(new byte[700]));
      reader.ledger().finish();
    }
  }
}
