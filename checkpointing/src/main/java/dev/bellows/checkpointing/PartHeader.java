package dev.bellows.checkpointing;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;

/// The safetensors header of a part: a u64 length, then JSON, padded with spaces so that the data starts at a multiple of 4,096. It is a
/// pure function of the part's name, its save and its pieces.
final class PartHeader {
  private PartHeader() {}

  static byte[] bytes(String file, String saveId, List<Piece> pieces, long dataStart) {
    byte[] json = Json.compact(json(file, saveId, pieces, dataStart));
    long size = Format.align(8 + json.length);
    if (size - 8 > Format.LARGEST_HEADER) {
      throw new IllegalArgumentException(
          file
              + ": a header of "
              + json.length
              + " bytes is more than safetensors allows; write fewer pieces into a part");
    }
    byte[] header = new byte[(int) size];
    Arrays.fill(header, (byte) ' ');
    ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(size - 8).put(json);
    return header;
  }

  private static ObjectNode json(String file, String saveId, List<Piece> pieces, long dataStart) {
    ObjectNode header = Json.object();
    header
        .putObject("__metadata__")
        .put("bellows.kind", Format.PART_KIND)
        .put("bellows.version", Integer.toString(Format.VERSION))
        .put("bellows.save", saveId)
        .put("bellows.part", file);
    int pads = 0;
    for (Piece piece : pieces) {
      entry(
          header,
          piece.entryName(),
          piece.tensor().dtype().name(),
          piece.block().extent(),
          piece.begin() - dataStart,
          piece.end() - dataStart);
      long pad = Format.align(piece.end()) - piece.end();
      if (pad > 0) {
        long from = piece.end() - dataStart;
        entry(header, Format.PAD + pads++, "U8", new long[] {pad}, from, from + pad);
      }
    }
    return header;
  }

  private static void entry(
      ObjectNode header, String name, String dtype, long[] shape, long from, long to) {
    ObjectNode entry = header.putObject(name).put("dtype", dtype);
    var dims = entry.putArray("shape");
    for (long dim : shape) {
      dims.add(dim);
    }
    entry.putArray("data_offsets").add(from).add(to);
  }

  /// Refuses a header that is not the one its index describes. White space and the order of keys are free.
  static void check(byte[] header, String file, String saveId, List<Piece> pieces)
      throws IOException {
    long size = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (size != header.length - 8) {
      throw new IOException(
          "the header says that it is "
              + size
              + " bytes long, the index says "
              + (header.length - 8));
    }
    if (header[8] != '{') {
      throw new IOException("the header does not start with '{'");
    }
    ObjectNode found = Json.parse(Arrays.copyOfRange(header, 8, header.length));
    String save = found.path("__metadata__").path("bellows.save").asText();
    if (!save.equals(saveId)) {
      throw new IOException("the part belongs to save '" + save + "', not to '" + saveId + "'");
    }
    String name = found.path("__metadata__").path("bellows.part").asText();
    if (!name.equals(file)) {
      throw new IOException("the part is named '" + name + "' inside");
    }
    if (!found.equals(Json.parse(Json.compact(json(file, saveId, pieces, header.length))))) {
      throw new IOException("the header's entries are not those of the index");
    }
  }
}
