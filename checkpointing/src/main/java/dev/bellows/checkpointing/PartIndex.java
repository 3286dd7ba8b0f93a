package dev.bellows.checkpointing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// The index of one part: its pieces, where they lie and their checksums.
///
/// @param length bytes of the part
/// @param headerLength bytes before the first piece
/// @param headerCrc CRC32C of those bytes
/// @param chunk bytes per checksum
record PartIndex(
    String saveId,
    String file,
    long length,
    int headerLength,
    int headerCrc,
    int chunk,
    List<Piece> pieces) {
  byte[] toBytes() {
    ObjectNode index = Json.object();
    index.put("kind", Format.INDEX_KIND).put("version", Format.VERSION).put("save", saveId);
    index.put("part", file).put("length", length);
    index.putObject("header").put("length", headerLength).put("crc32c", Format.hex(headerCrc));
    index.put("chunk", chunk);
    ArrayNode list = index.putArray("pieces");
    for (Piece piece : pieces) {
      ObjectNode entry =
          list.addObject()
              .put("tensor", piece.tensor().name())
              .put("dtype", piece.tensor().dtype().name());
      numbers(entry, "shape", piece.tensor().shape().dims());
      numbers(entry, "start", piece.block().start());
      numbers(entry, "extent", piece.block().extent());
      entry.put("begin", piece.begin()).put("end", piece.end());
      ArrayNode crcs = entry.putArray("crc32c");
      for (int crc : piece.crcs()) {
        crcs.add(Format.hex(crc));
      }
    }
    return Json.compact(index);
  }

  static void numbers(ObjectNode node, String key, long[] values) {
    ArrayNode array = node.putArray(key);
    for (long value : values) {
      array.add(value);
    }
  }

  /// Parses the index of `file`. Errors: an [IOException] with what is wrong.
  static PartIndex parse(byte[] bytes, String file, String saveId) throws IOException {
    Json.Fields fields = new Json.Fields(Json.parse(bytes));
    String kind = fields.text("kind");
    long version = fields.number("version");
    if (!kind.equals(Format.INDEX_KIND) || version != Format.VERSION) {
      throw new IOException(
          "is a "
              + kind
              + " of version "
              + version
              + ", not a "
              + Format.INDEX_KIND
              + " of version "
              + Format.VERSION);
    }
    expect("save", fields.text("save"), saveId);
    expect("part", fields.text("part"), file);
    long length = fields.number("length");
    Json.Fields header = new Json.Fields(fields.object("header"));
    long headerLength = header.number("length");
    int headerCrc = crc(header.text("crc32c"));
    header.end();
    long chunk = fields.number("chunk");
    if (headerLength < Format.ALIGNMENT
        || headerLength % Format.ALIGNMENT != 0
        || headerLength - 8 > Format.LARGEST_HEADER) {
      throw new IOException(
          "gives the header "
              + headerLength
              + " bytes; a multiple of 4,096 up to 100 MB belongs there");
    }
    if (chunk < Format.ALIGNMENT || chunk % Format.ALIGNMENT != 0 || chunk > Format.LARGEST_CHUNK) {
      throw new IOException(
          "has chunks of " + chunk + " bytes; a multiple of 4,096 up to 64 MiB belongs there");
    }
    List<Piece> pieces = new ArrayList<>();
    long at = headerLength;
    for (JsonNode node : fields.array("pieces")) {
      Piece piece = piece(new Json.Fields(node), at, (int) chunk);
      pieces.add(piece);
      at = Format.align(piece.end());
    }
    fields.end();
    if (pieces.isEmpty() || at != length) {
      throw new IOException(
          "has " + pieces.size() + " pieces that end at byte " + at + " of a part of " + length);
    }
    return new PartIndex(
        saveId, file, length, (int) headerLength, headerCrc, (int) chunk, List.copyOf(pieces));
  }

  private static Piece piece(Json.Fields fields, long at, int chunk) throws IOException {
    String name = fields.text("tensor");
    try {
      DType dtype = DType.valueOf(fields.text("dtype"));
      LogicalTensor tensor =
          new LogicalTensor(
              name, dtype, Shape.of(fields.numbers("shape")), LogicalTensor.PARAMETER);
      Block block = new Block(name, fields.numbers("start"), fields.numbers("extent"));
      Optional<String> misfit = block.misfit(tensor);
      if (misfit.isPresent()) {
        throw new IOException("tensor " + name + ": " + misfit.get());
      }
      long begin = fields.number("begin");
      long end = fields.number("end");
      long bytes = Math.multiplyExact(block.elements(), dtype.bytes());
      if (begin != at || end - begin != bytes) {
        throw new IOException(
            "tensor "
                + name
                + ": the piece "
                + block
                + " lies at bytes "
                + begin
                + " to "
                + end
                + "; "
                + at
                + " to "
                + (at + bytes)
                + " is its place");
      }
      JsonNode sums = fields.array("crc32c");
      fields.end();
      return new Piece(tensor, block, begin, end, crcs(name, sums, Piece.chunks(bytes, chunk)));
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IOException("tensor " + name + ": " + e.getMessage(), e);
    }
  }

  private static int[] crcs(String name, JsonNode sums, int chunks) throws IOException {
    if (sums.size() != chunks) {
      throw new IOException(
          "tensor " + name + ": " + sums.size() + " checksums for " + chunks + " chunks");
    }
    int[] crcs = new int[chunks];
    for (int i = 0; i < chunks; i++) {
      crcs[i] = crc(sums.get(i).isTextual() ? sums.get(i).textValue() : "");
    }
    return crcs;
  }

  private static int crc(String text) throws IOException {
    if (!text.matches("[0-9a-f]{8}")) {
      throw new IOException("holds '" + text + "' where a CRC32C of 8 hex digits belongs");
    }
    return HexFormat.fromHexDigits(text);
  }

  private static void expect(String key, String found, String wanted) throws IOException {
    if (!found.equals(wanted)) {
      throw new IOException("has the " + key + " '" + found + "', not '" + wanted + "'");
    }
  }
}
