package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// An open part whose header was checked. Threads: any.
final class PartReader implements AutoCloseable {
  private static final MemorySegment ZEROS =
      MemorySegment.ofArray(new byte[Format.ALIGNMENT]).asReadOnly();

  private final String folder;
  private final PartIndex index;
  private final FileStore.Reader reader;

  private PartReader(String folder, PartIndex index, FileStore.Reader reader) {
    this.folder = folder;
    this.index = index;
    this.reader = reader;
  }

  static PartReader open(FileStore store, String folder, PartIndex index) throws IOException {
    FileStore.Reader reader = store.open(FileStores.resolve(folder, index.file()));
    try {
      PartReader part = new PartReader(folder, index, reader);
      part.checkHeader();
      return part;
    } catch (IOException | RuntimeException e) {
      reader.close();
      throw e;
    }
  }

  PartIndex index() {
    return index;
  }

  private void checkHeader() throws IOException {
    if (reader.length() != index.length()) {
      throw CheckpointFiles.corrupt(
          folder,
          index.file(),
          "has " + reader.length() + " bytes; " + index.length() + " were written",
          null);
    }
    byte[] header = new byte[index.headerLength()];
    reader.read(0, MemorySegment.ofArray(header));
    String reason = "its header does not have its checksum";
    boolean good = Format.crc32c(MemorySegment.ofArray(header)) == index.headerCrc();
    try {
      PartHeader.check(header, index.file(), index.saveId(), index.pieces());
    } catch (IOException e) {
      good = false;
      reason = e.getMessage();
    }
    if (!good) {
      Problem problem =
          new Problem(
              index.file(), "", 0, header.length, "is corrupt or of another save: " + reason);
      throw new CheckpointException(Kind.CORRUPT, folder, problem);
    }
  }

  /// Reads chunk `i` of `piece` into the front of `buffer`, which holds a chunk or the whole piece with its pad, and returns its bytes.
  /// The last chunk takes the pad behind it along, so that a load of everything looks at every byte of the file.
  MemorySegment chunk(Piece piece, int i, MemorySegment buffer) throws IOException {
    long from = piece.begin() + (long) i * index.chunk();
    boolean last = i == piece.crcs().length - 1;
    long to = last ? piece.end() : from + index.chunk();
    MemorySegment read = buffer.asSlice(0, (last ? Format.align(to) : to) - from);
    reader.read(from, read);
    MemorySegment data = read.asSlice(0, to - from);
    if (Format.crc32c(data) != piece.crcs()[i]) {
      throw corrupt(
          piece,
          from,
          to - from,
          "is corrupt: the bytes of chunk "
              + i
              + " of "
              + piece.block()
              + " do not have their checksum");
    }
    MemorySegment pad = read.asSlice(to - from);
    if (pad.mismatch(ZEROS.asSlice(0, pad.byteSize())) != -1) {
      throw corrupt(
          piece,
          to,
          pad.byteSize(),
          "is corrupt: the pad behind " + piece.block() + " is not zero");
    }
    return data;
  }

  private CheckpointException corrupt(Piece piece, long offset, long length, String message) {
    return new CheckpointException(
        Kind.CORRUPT,
        folder,
        new Problem(index.file(), piece.tensor().name(), offset, length, message));
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
