package dev.bellows.checkpointing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bellows.checkpointing.CheckpointException.Kind;
import dev.bellows.storage.FileStore;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// The manifest of a committed checkpoint. Only what it lists exists.
///
/// @param content what the trainer said
/// @param created when it was committed, ISO 8601 in UTC
/// @param parts the parts
/// @param sha256 the manifest's hash of itself
public record Manifest(ManifestContent content, String created, List<Part> parts, String sha256) {
  private static final String TAIL_START = "  \"sha256\" : \"";
  private static final String TAIL_END = "\"\n}\n";
  private static final int DIGITS = 64;

  /// One part.
  ///
  /// @param file name within the checkpoint's folder
  /// @param length bytes
  /// @param indexLength bytes of its index
  /// @param indexSha256 SHA-256 of its index
  public record Part(String file, long length, long indexLength, String indexSha256) {}

  /// Step of the checkpoint.
  public long step() {
    return content.step();
  }

  /// Everything but the tensors that the trainer stored.
  public ObjectNode trainer() {
    return content.trainer();
  }

  /// All tensors.
  public List<LogicalTensor> tensors() {
    return content.tensors();
  }

  /// Reads and checks the manifest of the checkpoint in `folder`; nothing else of the checkpoint is looked at.
  public static Manifest read(FileStore store, String folder) throws IOException {
    byte[] bytes;
    try {
      bytes = CheckpointFiles.small(store, folder, Format.MANIFEST);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(
          Kind.UNCOMMITTED,
          folder,
          Problem.of(Format.MANIFEST, "is missing, so nothing was committed here"),
          e);
    }
    try {
      return parse(folder, bytes);
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw corrupt(folder, e.getMessage(), e);
    }
  }

  private static CheckpointException corrupt(String folder, String message, Throwable cause) {
    return new CheckpointException(
        Kind.CORRUPT, folder, Problem.of(Format.MANIFEST, "is corrupt: it " + message), cause);
  }

  byte[] toBytes() {
    ObjectNode json = Json.object();
    json.put("kind", Format.MANIFEST_KIND)
        .put("version", Format.VERSION)
        .put("save", content.saveId());
    json.put("step", content.step()).put("created", created);
    ArrayNode tensors = json.putArray("tensors");
    for (LogicalTensor tensor : content.tensors()) {
      ObjectNode entry =
          tensors.addObject().put("name", tensor.name()).put("dtype", tensor.dtype().name());
      PartIndex.numbers(entry, "shape", tensor.shape().dims());
      entry.put("role", tensor.role());
    }
    ArrayNode list = json.putArray("parts");
    for (Part part : parts) {
      list.addObject()
          .put("file", part.file())
          .put("length", part.length())
          .put("indexLength", part.indexLength())
          .put("indexSha256", part.indexSha256());
    }
    json.set("trainer", content.trainer());
    json.set("config", content.config());
    ObjectNode versions = json.putObject("versions");
    content.sortedVersions().forEach(versions::put);
    String body = Json.pretty(json);
    String text =
        body.substring(0, body.length() - "\n}".length())
            + ",\n"
            + TAIL_START
            + "0".repeat(DIGITS)
            + TAIL_END;
    return withHash(text.getBytes(StandardCharsets.UTF_8));
  }

  private static int hashAt(byte[] bytes) {
    return bytes.length - TAIL_END.length() - DIGITS;
  }

  /// The bytes with their hash in place of the digits near the end.
  static byte[] withHash(byte[] bytes) {
    byte[] result = bytes.clone();
    int at = hashAt(bytes);
    Arrays.fill(result, at, at + DIGITS, (byte) '0');
    System.arraycopy(
        Format.sha256(result).getBytes(StandardCharsets.US_ASCII), 0, result, at, DIGITS);
    return result;
  }

  static Manifest parse(String folder, byte[] bytes) throws IOException {
    int at = hashAt(bytes);
    // The hash comes first: only an intact file is believed when it says that it is of another
    // version.
    if (at < TAIL_START.length() || !Arrays.equals(bytes, withHash(bytes))) {
      throw corrupt(folder, "does not agree with its own hash", null);
    }
    Json.Fields fields = new Json.Fields(Json.parse(bytes));
    checkVersion(folder, fields.text("kind"), fields.number("version"));
    String sha256 = fields.text("sha256");
    if (!sha256.equals(new String(bytes, at, DIGITS, StandardCharsets.US_ASCII))) {
      throw corrupt(folder, "does not end with its own hash", null);
    }
    String saveId = fields.text("save");
    long step = fields.number("step");
    String created = fields.text("created");
    List<LogicalTensor> tensors = tensors(fields.array("tensors"));
    List<Part> parts = parts(fields.array("parts"));
    ObjectNode trainer = fields.object("trainer");
    JsonNode config = fields.node("config");
    Map<String, String> versions = versions(fields.object("versions"));
    fields.end();
    try {
      return new Manifest(
          new ManifestContent(saveId, step, tensors, trainer, config, versions),
          created,
          parts,
          sha256);
    } catch (IllegalArgumentException e) {
      throw new IOException("holds what cannot be: " + e.getMessage(), e);
    }
  }

  private static void checkVersion(String folder, String kind, long version) throws IOException {
    if (!kind.equals(Format.MANIFEST_KIND)) {
      throw new IOException("is of kind '" + kind + "', not '" + Format.MANIFEST_KIND + "'");
    }
    if (version > Format.VERSION) {
      throw new CheckpointException(
          Kind.TOO_NEW,
          folder,
          Problem.of(
              Format.MANIFEST,
              "is too new: it has format version "
                  + version
                  + " and this program reads up to "
                  + Format.VERSION
                  + "; use a newer program"));
    }
    if (version < Format.OLDEST_VERSION) {
      throw new CheckpointException(
          Kind.TOO_OLD,
          folder,
          Problem.of(
              Format.MANIFEST,
              "is too old: it has format version "
                  + version
                  + " and this program reads from "
                  + Format.OLDEST_VERSION
                  + " on; convert it with the program that wrote it"));
    }
  }

  private static List<LogicalTensor> tensors(JsonNode array) throws IOException {
    List<LogicalTensor> tensors = new ArrayList<>();
    for (JsonNode node : array) {
      Json.Fields fields = new Json.Fields(node);
      String name = fields.text("name");
      try {
        tensors.add(
            new LogicalTensor(
                name,
                DType.valueOf(fields.text("dtype")),
                Shape.of(fields.numbers("shape")),
                fields.text("role")));
      } catch (IllegalArgumentException | ArithmeticException e) {
        throw new IOException("holds a tensor that cannot be: " + e.getMessage(), e);
      }
      fields.end();
    }
    return tensors;
  }

  private static List<Part> parts(JsonNode array) throws IOException {
    List<Part> parts = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode node : array) {
      Json.Fields fields = new Json.Fields(node);
      Part part =
          new Part(
              fields.text("file"),
              fields.number("length"),
              fields.number("indexLength"),
              fields.text("indexSha256"));
      fields.end();
      if (!Format.isPartName(part.file())) {
        throw new IOException("names '" + part.file() + "', which is no name of a part");
      }
      if (!names.add(part.file())) {
        throw new IOException("names the part " + part.file() + " twice");
      }
      parts.add(part);
    }
    return parts;
  }

  private static Map<String, String> versions(ObjectNode node) throws IOException {
    Map<String, String> versions = new TreeMap<>();
    Json.Fields fields = new Json.Fields(node);
    for (var property : node.properties()) {
      versions.put(property.getKey(), fields.text(property.getKey()));
    }
    return versions;
  }
}
