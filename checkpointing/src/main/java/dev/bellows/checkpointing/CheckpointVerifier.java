package dev.bellows.checkpointing;

import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// Reads every byte of a checkpoint and lists what is wrong. It goes on after a problem wherever the rest can still be judged.
/// Memory: one chunk. Threads: each call is on its own.
public final class CheckpointVerifier {
  private final FileStore store;
  private final String folder;
  private final List<Problem> problems = new ArrayList<>();
  private long bytes;

  private CheckpointVerifier(FileStore store, String folder) {
    this.store = store;
    this.folder = folder;
  }

  /// Verifies the checkpoint in `folder`. An I/O error is a problem too, named with its file.
  public static VerifyReport verify(FileStore store, String folder) {
    return new CheckpointVerifier(store, folder).run();
  }

  private VerifyReport run() {
    Map<String, Long> lengths = new HashMap<>();
    Manifest manifest;
    try {
      manifest = Manifest.read(store, folder);
      lengths.putAll(CheckpointCommit.lengths(store, folder));
    } catch (IOException e) {
      add(Format.MANIFEST, e);
      return new VerifyReport(problems, List.of(), bytes);
    }
    Map<String, LogicalTensor> tensors = SavePlan.byName(manifest.tensors());
    List<Block> blocks = new ArrayList<>();
    boolean complete = true;
    for (Manifest.Part part : manifest.parts()) {
      try {
        PartIndex index =
            CheckpointFiles.index(
                store, folder, part, manifest.content().saveId(), tensors, lengths);
        index.pieces().forEach(piece -> blocks.add(piece.block()));
        verify(index);
      } catch (IOException e) {
        complete = false;
        add(part.file(), e);
      }
    }
    if (complete) {
      SavePlan.check(tensors, blocks).ifPresent(problems::add);
    }
    return new VerifyReport(problems, strays(manifest, lengths), bytes);
  }

  private void verify(PartIndex index) {
    try (PartReader part = PartReader.open(store, folder, index);
        Arena arena = Arena.ofConfined()) {
      bytes += index.length();
      MemorySegment buffer = arena.allocate(index.chunk(), Format.ALIGNMENT);
      for (Piece piece : index.pieces()) {
        for (int chunk = 0; chunk < piece.crcs().length; chunk++) {
          verify(part, piece, chunk, buffer);
        }
      }
    } catch (IOException e) {
      add(index.file(), e);
    }
  }

  private void verify(PartReader part, Piece piece, int chunk, MemorySegment buffer) {
    try {
      part.chunk(piece, chunk, buffer);
    } catch (CheckpointException e) {
      problems.add(e.problem());
    } catch (IOException e) {
      problems.add(piece.problem(part.index().file(), "cannot be read: " + e.getMessage()));
    }
  }

  private void add(String file, IOException e) {
    problems.add(
        e instanceof CheckpointException known
            ? known.problem()
            : Problem.of(file, "cannot be read: " + e.getMessage()));
  }

  private static List<String> strays(Manifest manifest, Map<String, Long> lengths) {
    TreeSet<String> strays = new TreeSet<>(lengths.keySet());
    strays.remove(Format.MANIFEST);
    for (Manifest.Part part : manifest.parts()) {
      strays.remove(part.file());
      strays.remove(Format.indexName(part.file()));
    }
    return List.copyOf(strays);
  }
}
