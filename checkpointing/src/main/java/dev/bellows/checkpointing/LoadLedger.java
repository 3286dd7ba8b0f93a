package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Accounts for every tensor of a checkpoint during a load: it was loaded, or it was skipped by name and with a reason; anything else
/// makes [#finish] refuse. Threads: any.
public final class LoadLedger {
  private static final int SHOWN = 20;

  private final String folder;
  private final Map<String, LogicalTensor> tensors;
  private final Map<String, List<Block>> loaded = new LinkedHashMap<>();
  private final Map<String, String> skipped = new LinkedHashMap<>();

  LoadLedger(String folder, Map<String, LogicalTensor> tensors) {
    this.folder = folder;
    this.tensors = tensors;
  }

  synchronized void loaded(Block block) {
    loaded.computeIfAbsent(block.tensor(), name -> new ArrayList<>()).add(block);
  }

  /// Leaves tensor `name` out. Errors: a name that the checkpoint does not have is refused.
  public synchronized void skip(String name, String reason) throws CheckpointException {
    if (!tensors.containsKey(name)) {
      throw refused(name, "cannot be skipped, it is not in this checkpoint");
    }
    skipped.put(name, reason);
  }

  /// Leaves out all tensors of `role`.
  public synchronized void skipRole(String role, String reason) {
    tensors.values().stream()
        .filter(tensor -> tensor.role().equals(role))
        .forEach(tensor -> skipped.put(tensor.name(), reason));
  }

  /// Name → reason of what was skipped.
  public synchronized Map<String, String> skipped() {
    return Map.copyOf(skipped);
  }

  /// Names of the tensors of which something was loaded, in order of the first load.
  public synchronized List<String> loaded() {
    return List.copyOf(loaded.keySet());
  }

  /// Ends a load of everything: refuses when an element of a tensor was neither loaded nor is its tensor skipped.
  public void finish() throws CheckpointException {
    finish(true);
  }

  /// Ends a load of a shard: refuses when a tensor was not touched at all and is not skipped.
  public void finishShard() throws CheckpointException {
    finish(false);
  }

  private synchronized void finish(boolean whole) throws CheckpointException {
    List<String> missing = new ArrayList<>();
    for (LogicalTensor tensor : tensors.values()) {
      if (skipped.containsKey(tensor.name())) {
        continue;
      }
      List<Block> blocks = loaded.getOrDefault(tensor.name(), List.of());
      Optional<String> gap =
          whole && !blocks.isEmpty() ? Coverage.atLeastOnce(tensor, blocks) : Optional.empty();
      if (blocks.isEmpty()) {
        missing.add(tensor.name() + " (nothing of it)");
      } else if (gap.isPresent()) {
        missing.add(tensor.name() + " (" + gap.get().replace("is in no piece", "is missing") + ")");
      }
    }
    if (!missing.isEmpty()) {
      String list = String.join(", ", missing.subList(0, Math.min(SHOWN, missing.size())));
      String more = missing.size() > SHOWN ? " and " + (missing.size() - SHOWN) + " more" : "";
      throw refused(
          "",
          "the load left out "
              + missing.size()
              + " tensors that were not skipped by name: "
              + list
              + more);
    }
  }

  private CheckpointException refused(String tensor, String message) {
    return new CheckpointException(
        Kind.MISMATCH, folder, new Problem(Format.MANIFEST, tensor, -1, 0, message));
  }
}
