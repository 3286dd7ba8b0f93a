package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Writes one writer's share of a checkpoint: parts of at most 4 GiB, each with its index.
///
/// A file that is already there is never touched. When anything fails, the writer deletes the files it made itself and throws a
/// [CheckpointException] of kind SAVE_FAILED. When it returns, its files are durable; they are no checkpoint before the commit.
/// Threads: any number of writers at once, each for its own identity; one call writes one file at a time.
public final class CheckpointWriter {
  private static final long LARGEST_PART = 4L << 30;
  private static final MemorySegment ZEROS =
      MemorySegment.ofArray(new byte[Format.ALIGNMENT]).asReadOnly();

  private final FileStore store;
  private final String folder;
  private final PartIdentity identity;
  private final int chunk;
  private final long largestPart;
  private final List<String> created = new ArrayList<>();
  private String doing = "";

  private CheckpointWriter(
      FileStore store, String folder, PartIdentity identity, int chunk, long largestPart) {
    this.store = store;
    this.folder = folder;
    this.identity = identity;
    this.chunk = chunk;
    this.largestPart = largestPart;
  }

  /// Writes the blocks of `writer` into `folder` and returns one report per part, none if the plan gives it no blocks.
  public static List<PartReport> write(
      FileStore store,
      String folder,
      PartIdentity identity,
      SavePlan plan,
      int writer,
      BlockSource source)
      throws CheckpointException {
    return write(store, folder, identity, plan, writer, source, Format.CHUNK, LARGEST_PART);
  }

  static List<PartReport> write(
      FileStore store,
      String folder,
      PartIdentity identity,
      SavePlan plan,
      int writer,
      BlockSource source,
      int chunk,
      long largestPart)
      throws CheckpointException {
    return new CheckpointWriter(store, folder, identity, chunk, largestPart)
        .writeAll(plan, plan.blocks(writer), source);
  }

  private List<PartReport> writeAll(SavePlan plan, List<Block> blocks, BlockSource source)
      throws CheckpointException {
    try {
      List<Draft> drafts = draft(SavePlan.byName(plan.tensors()), blocks);
      checkSpace(drafts);
      List<PartReport> reports = new ArrayList<>();
      for (Draft draft : drafts) {
        reports.add(writePart(draft, source));
      }
      return reports;
    } catch (CheckpointException e) {
      discard(e);
      throw e;
    } catch (IOException | RuntimeException | Error e) {
      discard(e);
      throw failed(doing + " failed and this writer's files were deleted: " + e.getMessage(), e);
    }
  }

  private CheckpointException failed(String message, Throwable cause) {
    return new CheckpointException(
        Kind.SAVE_FAILED, folder, Problem.of(identity.fileName(0), message), cause);
  }

  private void discard(Throwable reason) {
    for (String path : created) {
      try {
        store.delete(path);
      } catch (IOException | RuntimeException e) {
        reason.addSuppressed(e);
      }
    }
  }

  /// A part before it is written: all offsets are known, no checksum is.
  private record Draft(String file, byte[] header, List<Piece> pieces, long length) {}

  private List<Draft> draft(Map<String, LogicalTensor> tensors, List<Block> blocks) {
    List<Draft> drafts = new ArrayList<>();
    List<Piece> pieces = new ArrayList<>();
    long at = 0;
    for (Block block : blocks) {
      LogicalTensor tensor = tensors.get(block.tensor());
      long bytes = block.elements() * tensor.dtype().bytes();
      if (!pieces.isEmpty() && at + bytes > largestPart) {
        drafts.add(draft(drafts.size(), pieces));
        pieces = new ArrayList<>();
        at = 0;
      }
      pieces.add(new Piece(tensor, block, at, at + bytes, new int[Piece.chunks(bytes, chunk)]));
      at = Format.align(at + bytes);
    }
    if (!pieces.isEmpty()) {
      drafts.add(draft(drafts.size(), pieces));
    }
    return drafts;
  }

  /// Moves the pieces, which count from the start of the data, behind their header.
  private Draft draft(int number, List<Piece> pieces) {
    String file = identity.fileName(number);
    byte[] header = PartHeader.bytes(file, identity.saveId(), pieces, 0);
    List<Piece> placed =
        pieces.stream()
            .map(
                p ->
                    new Piece(
                        p.tensor(),
                        p.block(),
                        p.begin() + header.length,
                        p.end() + header.length,
                        p.crcs()))
            .toList();
    return new Draft(file, header, placed, Format.align(placed.getLast().end()));
  }

  private void checkSpace(List<Draft> drafts) throws IOException {
    long need = drafts.stream().mapToLong(Draft::length).sum();
    need += need / 10;
    doing = "asking for free space";
    long usable = store.usableBytes(folder);
    if (usable < need) {
      throw failed(
          "nothing was written: with a tenth to spare the save needs "
              + need
              + " bytes, and "
              + usable
              + " are free",
          null);
    }
  }

  private PartReport writePart(Draft draft, BlockSource source) throws IOException {
    long payload = 0;
    doing = "creating " + draft.file();
    try (FileStore.Writer writer = create(draft.file())) {
      writer.write(MemorySegment.ofArray(draft.header()));
      for (Piece piece : draft.pieces()) {
        doing =
            "writing tensor "
                + piece.tensor().name()
                + " at byte "
                + piece.begin()
                + " of "
                + draft.file();
        writePiece(writer, piece, source);
        payload += piece.bytes();
      }
      doing = "syncing " + draft.file();
      writer.sync();
    }
    PartIndex index =
        new PartIndex(
            identity.saveId(),
            draft.file(),
            draft.length(),
            draft.header().length,
            Format.crc32c(MemorySegment.ofArray(draft.header())),
            chunk,
            draft.pieces());
    byte[] bytes = index.toBytes();
    String indexFile = Format.indexName(draft.file());
    doing = "writing " + indexFile;
    try (FileStore.Writer writer = create(indexFile)) {
      writer.write(MemorySegment.ofArray(bytes));
      writer.sync();
    }
    return new PartReport(
        identity.saveId(),
        draft.file(),
        draft.length(),
        bytes.length,
        Format.sha256(bytes),
        draft.pieces().size(),
        payload);
  }

  private FileStore.Writer create(String file) throws IOException {
    String path = FileStores.resolve(folder, file);
    FileStore.Writer writer = store.create(path, false);
    created.add(path);
    return writer;
  }

  private void writePiece(FileStore.Writer writer, Piece piece, BlockSource source)
      throws IOException {
    MemorySegment bytes = checked(source, piece.block(), piece.bytes());
    boolean known = source instanceof Snapshot && chunk == Format.CHUNK;
    int[] snapshotCrcs = known ? ((Snapshot) source).checksums(piece.block()) : piece.crcs();
    for (int i = 0; i < piece.crcs().length; i++) {
      long at = (long) i * chunk;
      MemorySegment slice = bytes.asSlice(at, Math.min(chunk, bytes.byteSize() - at));
      piece.crcs()[i] = known ? snapshotCrcs[i] : Format.crc32c(slice);
      writer.write(slice);
    }
    writer.write(ZEROS.asSlice(0, Format.align(piece.end()) - piece.end()));
  }

  static MemorySegment checked(BlockSource source, Block block, long bytes) throws IOException {
    MemorySegment segment = source.bytes(block);
    if (segment.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "the source gave " + segment.byteSize() + " bytes for " + block + ", which has " + bytes);
    }
    return segment;
  }
}
