package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.LocalFileStore;
import dev.bellows.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A part is plain safetensors: a short Python script without dependencies reads it.
class SafetensorsTest {
  @TempDir Path folder;
  private final FileStore store = new LocalFileStore();

  private static boolean hasPython() {
    try {
      return new ProcessBuilder("python3", "--version").redirectErrorStream(true).start().waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private List<String> python(String name, Path argument) throws IOException, InterruptedException {
    Path script =
        Files.write(
            folder.resolve(name), getClass().getResourceAsStream("/" + name).readAllBytes());
    Process process =
        new ProcessBuilder("python3", script.toString(), argument.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("out").toFile())
            .start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    String output = Files.readString(folder.resolve("out"));
    assertEquals(0, process.exitValue(), output);
    return output.lines().toList();
  }

  private static TestState special() {
    TestState state =
        new TestState(
            5,
            List.of(
                TestState.tensor("floats", DType.F32, 2, 4),
                TestState.tensor("longs", DType.I64, 2),
                TestState.tensor("half", DType.BF16, 3, 3),
                TestState.tensor("flags", DType.BOOL, 3),
                TestState.tensor("scalar", DType.F64),
                TestState.tensor("none", DType.F32, 0, 2)));
    ByteBuffer floats = ByteBuffer.wrap(state.bytes.get("floats")).order(ByteOrder.LITTLE_ENDIAN);
    floats.putFloat(1.5f).putFloat(-0.0f).putFloat(Float.MIN_VALUE).putFloat(-2.25f);
    floats.putInt(0x7fc12345).putFloat(Float.NEGATIVE_INFINITY).putFloat(3e38f).putFloat(0f);
    ByteBuffer.wrap(state.bytes.get("longs"))
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong((1L << 53) + 1)
        .putLong(Long.MIN_VALUE);
    return state;
  }

  @Test
  void pythonReadsAPart() throws Exception {
    Assumptions.assumeTrue(hasPython(), "python3 is not on the PATH");
    TestState state = special();
    state.save(store, folder + "/s", TestState.SAVE, 1, SavePlan.balance(state.tensors, 1));
    List<String> lines = python("read_part.py", folder.resolve("s/part-g1-r0-a0-0.safetensors"));
    Map<String, String> entries = new HashMap<>();
    lines.forEach(
        line ->
            entries.put(
                line.substring(0, line.indexOf(' ')), line.substring(line.indexOf(' ') + 1)));
    for (LogicalTensor tensor : state.tensors) {
      String shape = Arrays.toString(tensor.shape().dims()).replaceAll("[\\[\\] ]", "");
      String hex = HexFormat.of().formatHex(state.bytes.get(tensor.name()));
      String wanted =
          tensor.dtype()
              + " "
              + (shape.isEmpty() ? "-" : shape)
              + " "
              + (hex.isEmpty() ? "-" : hex);
      assertEquals(wanted, entries.get(tensor.name()), tensor.name());
    }
    assertTrue(entries.get("__pad.0").matches("U8 \\d+ (00)+"), entries.get("__pad.0"));
    assertEquals(
        "1.5 -0.0 1.401298464324817e-45 -2.25 bellows.kind=bellows.checkpoint.part"
            + " bellows.part=part-g1-r0-a0-0.safetensors bellows.save=save-0001 bellows.version=1",
        entries.get("values"));
  }

  @Test
  void subPiecesAreNamedByTheirOffsets() throws Exception {
    Assumptions.assumeTrue(hasPython(), "python3 is not on the PATH");
    TestState state = TestState.awkward(5);
    state.save(store, folder + "/s", TestState.SAVE, 1, SavePlan.balance(state.tensors, 4));
    List<String> lines = python("read_part.py", folder.resolve("s/part-g1-r1-a0-0.safetensors"));
    Block block = SavePlan.balance(state.tensors, 4).blocks(1).getFirst();
    String wanted =
        "embed.weight@"
            + block.start(0)
            + ",0 F32 "
            + block.extent(0)
            + ",33 "
            + HexFormat.of().formatHex(state.block(block));
    assertEquals(wanted, lines.getFirst());
  }

  @Test
  void pythonComputesTheSameHashes() throws Exception {
    Assumptions.assumeTrue(hasPython(), "python3 is not on the PATH");
    TestState state = TestState.awkward(5);
    state.save(store, folder + "/s", TestState.SAVE, 1, SavePlan.balance(state.tensors, 3));
    assertEquals(List.of("good 3"), python("check_hashes.py", folder.resolve("s")));
  }

  /// Version 1 as it was first written must stay readable, and the writer must still write those bytes.
  @Test
  void theGoldenCheckpointIsReadAndWrittenByteForByte() throws Exception {
    TestState state = special();
    Path golden = Path.of("src/test/resources/golden/v1").toAbsolutePath();
    List<PartReport> reports =
        state.write(store, folder + "/s", TestState.SAVE, SavePlan.balance(state.tensors, 2));
    if (Boolean.getBoolean("bellows.golden.write")) {
      state.write(store, golden.toString(), TestState.SAVE, SavePlan.balance(state.tensors, 2));
      CheckpointCommit.commit(store, golden.toString(), state.content(TestState.SAVE, 1), reports);
    }
    assertEquals(List.of(), CheckpointVerifier.verify(store, golden.toString()).problems());
    state.loadAll(store, golden.toString());
    Manifest manifest = Manifest.read(store, golden.toString());
    assertEquals(1L << 60, manifest.trainer().get("consumedSamples").longValue());
    assertEquals(0.1, manifest.trainer().get("loss").doubleValue());
    for (FileStore.Entry entry : store.list(folder + "/s")) {
      assertEquals(
          -1, Files.mismatch(Path.of(entry.path()), golden.resolve(entry.name())), entry.name());
    }
    byte[] bytes = store.readBytes(golden + "/manifest.json");
    assertEquals(
        new String(bytes, StandardCharsets.UTF_8),
        new String(manifest.toBytes(), StandardCharsets.UTF_8));
  }
}
