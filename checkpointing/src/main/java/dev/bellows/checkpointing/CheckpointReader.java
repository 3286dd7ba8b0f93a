package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;

/// Reads blocks of logical tensors from a committed checkpoint, whatever blocks were stored.
///
/// Opening checks manifest, indexes, file lengths and that each element is stored exactly once. Each read checks every byte it takes: the
/// header of each part it touches, the checksum of each chunk, the pads. A byte that is not what was written is a [CheckpointException] of
/// kind CORRUPT with file, tensor and offset; the target is then undefined.
/// Memory: one chunk (4 MiB) per thread that reads at the same time. Threads: any.
public final class CheckpointReader implements AutoCloseable {
  private record Stored(PartIndex index, Piece piece) {}

  private final FileStore store;
  private final String folder;
  private final Manifest manifest;
  private final Map<String, LogicalTensor> tensors;
  private final Map<String, List<Stored>> pieces;
  private final int bufferBytes;
  private final LoadLedger ledger;
  private final Map<String, PartReader> open = new HashMap<>();
  private final Arena arena = Arena.ofShared();
  private final ConcurrentLinkedQueue<MemorySegment> buffers = new ConcurrentLinkedQueue<>();

  private CheckpointReader(
      FileStore store, String folder, Manifest manifest, List<PartIndex> indexes) {
    this.store = store;
    this.folder = folder;
    this.manifest = manifest;
    this.tensors = SavePlan.byName(manifest.tensors());
    this.pieces = new HashMap<>();
    long largest = Format.ALIGNMENT;
    for (PartIndex index : indexes) {
      for (Piece piece : index.pieces()) {
        pieces
            .computeIfAbsent(piece.tensor().name(), name -> new ArrayList<>())
            .add(new Stored(index, piece));
        largest = Math.max(largest, Math.min(index.chunk(), Format.align(piece.bytes())));
      }
    }
    this.bufferBytes = (int) largest;
    this.ledger = new LoadLedger(folder, tensors);
  }

  /// Opens the checkpoint in `folder`. Errors: [CheckpointException] by kind, see there.
  public static CheckpointReader open(FileStore store, String folder) throws IOException {
    Manifest manifest = Manifest.read(store, folder);
    Map<String, Long> lengths = CheckpointCommit.lengths(store, folder);
    Map<String, LogicalTensor> tensors = SavePlan.byName(manifest.tensors());
    List<PartIndex> indexes = new ArrayList<>();
    List<Block> blocks = new ArrayList<>();
    for (Manifest.Part part : manifest.parts()) {
      PartIndex index =
          CheckpointFiles.index(store, folder, part, manifest.content().saveId(), tensors, lengths);
      indexes.add(index);
      index.pieces().forEach(piece -> blocks.add(piece.block()));
    }
    Optional<Problem> problem = SavePlan.check(tensors, blocks);
    if (problem.isPresent()) {
      throw new CheckpointException(Kind.CORRUPT, folder, problem.get());
    }
    return new CheckpointReader(store, folder, manifest, indexes);
  }

  /// The manifest.
  public Manifest manifest() {
    return manifest;
  }

  /// What was loaded so far, and what is still to be loaded or skipped.
  public LoadLedger ledger() {
    return ledger;
  }

  /// Whether the checkpoint holds a tensor of this name.
  public boolean has(String name) {
    return tensors.containsKey(name);
  }

  /// The stored tensor `name`. Errors: kind MISMATCH when there is none.
  public LogicalTensor tensor(String name) throws CheckpointException {
    LogicalTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw mismatch(
          name,
          "is not in this checkpoint, which holds " + tensors.size() + " tensors" + similar(name));
    }
    return tensor;
  }

  private String similar(String name) {
    String last = name.substring(name.lastIndexOf('.') + 1);
    List<String> names =
        tensors.keySet().stream().filter(other -> other.endsWith(last)).limit(3).toList();
    return names.isEmpty() ? "" : ", among them " + String.join(", ", names);
  }

  /// Fills `target` with the elements of `wanted`, contiguous, row-major and little-endian.
  /// Errors: kind MISMATCH when the tensor or the block does not exist or `target` has another size.
  public void read(Block wanted, MemorySegment target) throws IOException {
    LogicalTensor tensor = tensor(wanted.tensor());
    Optional<String> misfit = wanted.misfit(tensor);
    if (misfit.isPresent()) {
      throw mismatch(wanted.tensor(), misfit.get());
    }
    int elementBytes = tensor.dtype().bytes();
    if (target.byteSize() != wanted.elements() * elementBytes) {
      throw mismatch(
          wanted.tensor(),
          target.byteSize()
              + " bytes of memory for "
              + wanted
              + ", which has "
              + wanted.elements() * elementBytes);
    }
    MemorySegment buffer =
        Optional.ofNullable(buffers.poll())
            .orElseGet(() -> arena.allocate(bufferBytes, Format.ALIGNMENT));
    try {
      for (Stored stored : pieces.getOrDefault(tensor.name(), List.of())) {
        if (wanted.elements() == 0) {
          part(stored.index());
          continue;
        }
        Optional<Block> common = stored.piece().block().intersect(wanted);
        if (common.isPresent()) {
          copy(stored, common.get(), wanted, target, buffer);
        }
      }
    } finally {
      buffers.add(buffer);
    }
    ledger.loaded(wanted);
  }

  /// Fills `target` with all elements of tensor `name`.
  public void readWhole(String name, MemorySegment target) throws IOException {
    read(Block.whole(tensor(name)), target);
  }

  private CheckpointException mismatch(String tensor, String message) {
    return new CheckpointException(
        Kind.MISMATCH, folder, new Problem(Format.MANIFEST, tensor, -1, 0, message));
  }

  private void copy(
      Stored stored, Block common, Block wanted, MemorySegment target, MemorySegment buffer)
      throws IOException {
    PartReader part = part(stored.index());
    Piece piece = stored.piece();
    int chunkBytes = stored.index().chunk();
    int loaded = -1;
    MemorySegment data = buffer;
    BlockRuns runs = new BlockRuns(common, piece.block(), wanted, piece.tensor().dtype().bytes());
    while (runs.next()) {
      long from = runs.inFirst();
      long to = runs.inSecond();
      for (long left = runs.bytes(); left > 0; ) {
        int chunk = (int) (from / chunkBytes);
        if (chunk != loaded) {
          data = part.chunk(piece, chunk, buffer);
          loaded = chunk;
        }
        long within = from - (long) chunk * chunkBytes;
        long count = Math.min(left, data.byteSize() - within);
        MemorySegment.copy(data, within, target, to, count);
        from += count;
        to += count;
        left -= count;
      }
    }
  }

  private PartReader part(PartIndex index) throws IOException {
    synchronized (open) {
      PartReader part = open.get(index.file());
      if (part == null) {
        part = PartReader.open(store, folder, index);
        open.put(index.file(), part);
      }
      return part;
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (open) {
      for (PartReader part : open.values()) {
        part.close();
      }
      open.clear();
    }
    arena.close();
  }
}
