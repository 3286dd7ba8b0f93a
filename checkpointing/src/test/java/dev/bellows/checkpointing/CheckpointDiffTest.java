package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.checkpointing.CheckpointDiff.Outcome;
import dev.bellows.checkpointing.CheckpointDiff.TensorDifference;
import dev.bellows.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CheckpointDiffTest {
  private final MemoryFileStore store = new MemoryFileStore();

  private CheckpointDiff.Result diff(TestState a, TestState b) throws IOException {
    store.files.clear();
    a.save(store, "/a", TestState.SAVE, 1, SavePlan.balance(a.tensors, 1));
    b.save(store, "/b", "save-0002", 1, SavePlan.balance(b.tensors, 3));
    try (CheckpointReader first = CheckpointReader.open(store, "/a");
        CheckpointReader second = CheckpointReader.open(store, "/b")) {
      return CheckpointDiff.diff(first, second);
    }
  }

  private static void setFloat(TestState state, String name, int index, float value) {
    ByteBuffer.wrap(state.bytes.get(name))
        .order(ByteOrder.LITTLE_ENDIAN)
        .putFloat(4 * index, value);
  }

  @Test
  void equalWhateverTheNumberOfWriters() throws IOException {
    CheckpointDiff.Result result = diff(TestState.awkward(1), TestState.awkward(1));
    assertTrue(result.tensorsEqual());
    assertTrue(result.trainerEqual() && result.configEqual());
    assertEquals(9, result.tensors().size());
  }

  @Test
  void namesTheFirstElementAndTheLargestDifference() throws IOException {
    TestState a = TestState.awkward(1);
    TestState b = TestState.awkward(1);
    setFloat(a, "embed.weight", 33 * 2 + 5, 1.5f);
    setFloat(b, "embed.weight", 33 * 2 + 5, 1.25f);
    setFloat(a, "embed.weight", 33 * 60, -3f);
    setFloat(b, "embed.weight", 33 * 60, 1f);
    setFloat(a, "scale", 0, 0f);
    setFloat(b, "scale", 0, -0f);
    setFloat(a, "block.0.bias", 4, Float.NaN);
    setFloat(b, "block.0.bias", 4, 1f);
    CheckpointDiff.Result result = diff(a, b);
    assertFalse(result.tensorsEqual());
    assertEquals(
        new TensorDifference("embed.weight", Outcome.DIFFERENT, List.of(2L, 5L), 2, 4.0),
        result.tensors().getFirst());
    assertEquals(
        new TensorDifference("block.0.bias", Outcome.DIFFERENT, List.of(4L), 1, Double.NaN),
        result.tensors().get(1));
    assertEquals(
        new TensorDifference("scale", Outcome.DIFFERENT, List.of(), 1, 0.0),
        result.tensors().get(2));
    assertEquals(Outcome.EQUAL, result.tensors().get(3).outcome());
  }

  @Test
  void missingAndReshapedTensors() throws IOException {
    TestState a =
        new TestState(
            1,
            List.of(
                TestState.tensor("x", DType.F32, 2, 3), TestState.tensor("gone", DType.F32, 1)));
    TestState b =
        new TestState(
            1,
            List.of(TestState.tensor("x", DType.F32, 3, 2), TestState.tensor("new", DType.F32, 1)));
    List<Outcome> outcomes = diff(a, b).tensors().stream().map(TensorDifference::outcome).toList();
    assertEquals(List.of(Outcome.OTHER_SHAPE, Outcome.ONLY_FIRST, Outcome.ONLY_SECOND), outcomes);
  }

  @Test
  void tilesCoverATensorInOrderAndInBounds() {
    LogicalTensor tensor = TestState.tensor("t", DType.F32, 3, 5, 7, 2);
    for (long bytes : new long[] {1, 4, 8, 57, 60, 300, 900, 10_000}) {
      List<Block> tiles = new ArrayList<>(Tiles.of(tensor, bytes));
      assertEquals(Optional.empty(), Coverage.exactlyOnce(tensor, tiles));
      assertTrue(
          tiles.stream().allMatch(tile -> tile.elements() * 4 <= Math.max(4, bytes)),
          "tile size " + bytes);
    }
  }
}
