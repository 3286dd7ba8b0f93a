package dev.bellows.checkpointing;

import dev.bellows.storage.FileStore;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/// Tensors with random bytes, held whole in memory, and element-by-element block access: the oracle of the stored ones.
final class TestState implements BlockSource {
  static final int CHUNK = 4096;
  static final String SAVE = "save-0001";

  final List<LogicalTensor> tensors;
  final Map<String, byte[]> bytes = new LinkedHashMap<>();

  TestState(long seed, List<LogicalTensor> tensors) {
    this.tensors = tensors;
    Random random = new Random(seed);
    for (LogicalTensor tensor : tensors) {
      byte[] content = new byte[(int) tensor.bytes()];
      random.nextBytes(content);
      bytes.put(tensor.name(), content);
    }
  }

  /// Awkward shapes of all ranks and several dtypes.
  static TestState awkward(long seed) {
    return new TestState(
        seed,
        List.of(
            tensor("embed.weight", DType.F32, 64, 33),
            tensor("block.0.bias", DType.F32, 5),
            tensor("scale", DType.F32),
            tensor("block.0.weight", DType.BF16, 7, 3, 5),
            tensor("empty", DType.F32, 0, 4),
            tensor("steps", DType.I64, 3),
            tensor("mask", DType.U8, 1000),
            new LogicalTensor(
                "exp_avg/embed.weight", DType.F32, Shape.of(64, 33), LogicalTensor.OPTIMIZER),
            tensor("page", DType.F32, 1024)));
  }

  static LogicalTensor tensor(String name, DType dtype, long... dims) {
    return new LogicalTensor(name, dtype, Shape.of(dims), LogicalTensor.PARAMETER);
  }

  LogicalTensor tensor(String name) {
    return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst().orElseThrow();
  }

  /// The block's bytes, gathered one element at a time.
  byte[] block(Block block) {
    LogicalTensor tensor = tensor(block.tensor());
    int size = tensor.dtype().bytes();
    byte[] from = bytes.get(block.tensor());
    byte[] to = new byte[(int) block.elements() * size];
    for (int i = 0; i < block.elements(); i++) {
      long rest = i;
      long at = 0;
      long stride = 1;
      for (int d = block.rank() - 1; d >= 0; d--) {
        at += (block.start(d) + rest % block.extent(d)) * stride;
        rest /= block.extent(d);
        stride *= tensor.shape().dim(d);
      }
      System.arraycopy(from, (int) at * size, to, i * size, size);
    }
    return to;
  }

  @Override
  public MemorySegment bytes(Block block) {
    return MemorySegment.ofArray(block(block));
  }

  ManifestContent content(String saveId, long step) {
    return new ManifestContent(
        saveId,
        step,
        tensors,
        Json.object().put("consumedSamples", 1L << 60).put("loss", 0.1),
        Json.object().put("model", "tiny").put("note", "\"sha256\" : \"x\"\n}\n ümlaut"),
        Map.of("bellows", "0.1.0", "jdk", "25"));
  }

  List<PartReport> write(FileStore store, String folder, String saveId, SavePlan plan)
      throws IOException {
    List<PartReport> reports = new ArrayList<>();
    for (int writer = 0; writer < plan.writers(); writer++) {
      PartIdentity identity = new PartIdentity(saveId, 1, writer, 0);
      reports.addAll(
          CheckpointWriter.write(store, folder, identity, plan, writer, this, CHUNK, 40_000));
    }
    return reports;
  }

  Manifest save(FileStore store, String folder, String saveId, long step, SavePlan plan)
      throws IOException {
    return CheckpointCommit.commit(
        store, folder, content(saveId, step), write(store, folder, saveId, plan));
  }

  /// Loads everything and compares it bit for bit.
  void loadAll(FileStore store, String folder) throws IOException {
    try (CheckpointReader reader = CheckpointReader.open(store, folder)) {
      for (LogicalTensor tensor : tensors) {
        byte[] target = new byte[(int) tensor.bytes()];
        reader.readWhole(tensor.name(), MemorySegment.ofArray(target));
        if (!java.util.Arrays.equals(target, bytes.get(tensor.name()))) {
          throw new AssertionError(
              "tensor " + tensor.name() + " was loaded wrong without an error");
        }
      }
      reader.ledger().finish();
    }
  }
}
