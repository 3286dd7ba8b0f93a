package dev.bellows.trainer;

import dev.bellows.checkpointing.Block;
import dev.bellows.checkpointing.BlockSource;
import dev.bellows.checkpointing.CheckpointReader;
import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.optimizers.Optimizer;
import dev.bellows.optimizers.StateTensor;
import dev.bellows.storage.FileStore;
import dev.bellows.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The tensors of a run by their logical names: every parameter under its own name, and each of its optimizer states as
/// `optimizer.<state>.<parameter>`, of the shape that the update rule declares. Borrows the tensors.
final class TrainingState implements BlockSource {
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final List<LogicalTensor> logical = new ArrayList<>();

  TrainingState(ParameterStore store, Optimizer optimizer) {
    List<Parameter> parameters = store.parameters();
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      add(parameter.name(), parameter.value(), LogicalTensor.PARAMETER);
      for (StateTensor state : optimizer.state(i)) {
        add(stateName(state.name(), parameter), state.tensor(), LogicalTensor.OPTIMIZER);
      }
    }
  }

  /// Name of a parameter's state in a checkpoint.
  static String stateName(String state, Parameter parameter) {
    return "optimizer." + state + "." + parameter.name();
  }

  /// Fills every tensor from the checkpoint in `path`; everything in it is loaded or the load is refused.
  void restore(FileStore store, String path) throws IOException {
    try (CheckpointReader reader = CheckpointReader.open(store, path)) {
      for (LogicalTensor tensor : logical) {
        reader.read(Block.whole(tensor), tensors.get(tensor.name()).segment());
      }
      reader.ledger().finish();
    }
  }

  private void add(String name, Tensor tensor, String role) {
    tensors.put(name, tensor);
    logical.add(new LogicalTensor(name, tensor.dtype(), tensor.shape(), role));
  }

  List<LogicalTensor> logical() {
    return logical;
  }

  /// The bytes of a block of whole rows, which is all that a plan for replicated state holds.
  @Override
  public MemorySegment bytes(Block block) {
    Tensor tensor = tensors.get(block.tensor());
    if (block.rank() == 0 || tensor.elements() == 0) {
      return tensor.segment();
    }
    for (int dim = 1; dim < block.rank(); dim++) {
      if (block.extent(dim) != tensor.shape().dim(dim)) {
        throw new IllegalArgumentException(block + " is not a run of whole rows of " + tensor);
      }
    }
    long row = tensor.bytes() / tensor.shape().dim(0);
    return tensor.segment().asSlice(block.start(0) * row, block.extent(0) * row);
  }
}
