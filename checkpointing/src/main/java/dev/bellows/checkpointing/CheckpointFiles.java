package dev.bellows.checkpointing;

import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/// Checks of a checkpoint's small files that reader, verifier and committer share.
final class CheckpointFiles {
  private CheckpointFiles() {}

  /// Reads the index of `part` and checks it against the manifest's view.
  ///
  /// @param lengths file name → bytes, as listed in the folder
  static PartIndex index(
      FileStore store,
      String folder,
      Manifest.Part part,
      String saveId,
      Map<String, LogicalTensor> tensors,
      Map<String, Long> lengths)
      throws IOException {
    String indexFile = Format.indexName(part.file());
    checkLength(folder, part.file(), part.length(), lengths);
    checkLength(folder, indexFile, part.indexLength(), lengths);
    byte[] bytes = small(store, folder, indexFile);
    if (!Format.sha256(bytes).equals(part.indexSha256())) {
      throw corrupt(
          folder,
          indexFile,
          "is corrupt or of another save: its hash is not the one in the manifest",
          null);
    }
    PartIndex index;
    try {
      index = PartIndex.parse(bytes, part.file(), saveId);
    } catch (IOException | ArithmeticException e) {
      throw corrupt(folder, indexFile, "is corrupt: it " + e.getMessage(), e);
    }
    if (index.length() != part.length()) {
      throw corrupt(
          folder,
          indexFile,
          "gives its part " + index.length() + " bytes, the manifest " + part.length(),
          null);
    }
    for (Piece piece : index.pieces()) {
      checkTensor(folder, indexFile, piece.tensor(), tensors.get(piece.tensor().name()));
    }
    return index;
  }

  /// The whole of a JSON file, if it is of a size that such a file can have.
  static byte[] small(FileStore store, String folder, String file) throws IOException {
    try (FileStore.Reader reader = store.open(FileStores.resolve(folder, file))) {
      if (reader.length() > Format.LARGEST_JSON) {
        throw corrupt(folder, file, "is corrupt: it has " + reader.length() + " bytes", null);
      }
      byte[] bytes = new byte[(int) reader.length()];
      reader.read(0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private static void checkLength(
      String folder, String file, long wanted, Map<String, Long> lengths) throws IOException {
    Long found = lengths.get(file);
    if (found == null) {
      throw corrupt(folder, file, "is missing", null);
    }
    if (found != wanted) {
      throw corrupt(folder, file, "has " + found + " bytes; " + wanted + " were written", null);
    }
  }

  private static void checkTensor(
      String folder, String file, LogicalTensor found, LogicalTensor wanted) throws IOException {
    if (wanted == null
        || found.dtype() != wanted.dtype()
        || !found.shape().equals(wanted.shape())) {
      String other =
          wanted == null ? "knows no such tensor" : "says " + wanted.dtype() + " " + wanted.shape();
      String message =
          "holds it as " + found.dtype() + " " + found.shape() + ", the manifest " + other;
      throw new CheckpointException(
          Kind.CORRUPT, folder, new Problem(file, found.name(), -1, 0, message));
    }
  }

  static CheckpointException corrupt(String folder, String file, String message, Throwable cause) {
    return new CheckpointException(Kind.CORRUPT, folder, Problem.of(file, message), cause);
  }
}
