package dev.bellows.checkpointing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Every damage to a checkpoint must be found, by a verification and by a load, and named.
class CorruptionTest {
  private static final long SEED = 31337;
  private static final String FOLDER = "/run/checkpoints/step-00000005";

  private enum Region {
    HEADER_LENGTH,
    HEADER_JSON,
    HEADER_SPACES,
    DATA,
    PAD,
    INDEX,
    MANIFEST
  }

  private final MemoryFileStore store = new MemoryFileStore();
  private final TestState state = TestState.awkward(SEED);
  private Manifest manifest;

  @BeforeEach
  void save() throws IOException {
    manifest = state.save(store, FOLDER, TestState.SAVE, 5, SavePlan.balance(state.tensors, 3));
    assertTrue(CheckpointVerifier.verify(store, FOLDER).valid());
    state.loadAll(store, FOLDER);
  }

  private static String path(String name) {
    return FOLDER + "/" + name;
  }

  /// The problem that a verification finds and the one that a load finds; both must find one.
  private List<Problem> bothRefuse(String what) {
    VerifyReport report = CheckpointVerifier.verify(store, FOLDER);
    assertFalse(report.valid(), "verify accepted " + what);
    CheckpointException e =
        assertThrows(
            CheckpointException.class,
            () -> state.loadAll(store, FOLDER),
            "a load accepted " + what);
    return List.of(report.problems().getFirst(), e.problem());
  }

  private record Place(Region region, String tensor) {}

  private Place place(String name, int at) throws IOException {
    if (name.equals(Format.MANIFEST)) {
      return new Place(Region.MANIFEST, "");
    }
    if (name.endsWith(".json")) {
      return new Place(Region.INDEX, "");
    }
    PartIndex index =
        PartIndex.parse(store.files.get(path(Format.indexName(name))), name, TestState.SAVE);
    if (at < 8) {
      return new Place(Region.HEADER_LENGTH, "");
    }
    if (at < index.headerLength()) {
      return new Place(
          store.files.get(path(name))[at] == ' ' ? Region.HEADER_SPACES : Region.HEADER_JSON, "");
    }
    for (Piece piece : index.pieces()) {
      if (at >= piece.begin() && at < Format.align(piece.end())) {
        return new Place(at < piece.end() ? Region.DATA : Region.PAD, piece.tensor().name());
      }
    }
    throw new AssertionError("byte " + at + " of " + name + " lies in no region");
  }

  private void flipIsFound(String name, int at, int bit, Map<Region, Integer> regions)
      throws IOException {
    byte[] good = store.files.get(path(name));
    Place place = place(name, at);
    regions.merge(place.region(), 1, Integer::sum);
    byte[] bad = good.clone();
    bad[at] ^= (byte) (1 << bit);
    store.files.put(path(name), bad);
    String what = "bit " + bit + " of byte " + at + " of " + name + " (" + place + ")";
    for (Problem problem : bothRefuse(what)) {
      assertEquals(name, problem.file(), what);
      assertEquals(place.tensor(), problem.tensor(), what);
      if (place.region() == Region.DATA || place.region() == Region.PAD) {
        assertTrue(
            at >= problem.offset() && at < problem.offset() + problem.length(),
            what + ": " + problem);
        assertTrue(problem.length() <= TestState.CHUNK, what + ": " + problem);
      }
    }
    store.files.put(path(name), good);
  }

  @Test
  void everyFlippedBitIsFoundAndNamed() throws IOException {
    Random random = new Random(SEED);
    Map<Region, Integer> regions = new EnumMap<>(Region.class);
    List<String> names = store.list(FOLDER).stream().map(entry -> entry.name()).toList();
    for (int round = 0; round < 2000; round++) {
      String name = names.get(random.nextInt(names.size()));
      int at = random.nextInt(store.files.get(path(name)).length);
      flipIsFound(name, at, random.nextInt(8), regions);
    }
    for (String name : manifest.parts().stream().map(Manifest.Part::file).toList()) {
      for (int at = 0; at < 8; at++) {
        flipIsFound(name, at, random.nextInt(8), regions);
      }
      for (int round = 0; round < 100; round++) {
        flipIsFound(name, 8 + random.nextInt(300), random.nextInt(8), regions);
      }
    }
    for (Region region : Region.values()) {
      int few = region == Region.HEADER_LENGTH ? 8 : 40;
      assertTrue(
          regions.getOrDefault(region, 0) >= few,
          "seed " + SEED + " hit too few bytes of some region: " + regions);
    }
    assertTrue(CheckpointVerifier.verify(store, FOLDER).valid());
  }

  @Test
  void everyByteOfTheManifestCounts() throws IOException {
    byte[] good = store.files.get(path(Format.MANIFEST));
    Random random = new Random(SEED);
    for (int at = 0; at < good.length; at++) {
      flipIsFound(Format.MANIFEST, at, random.nextInt(8), new EnumMap<>(Region.class));
    }
  }

  @Test
  void everyTruncationIsFound() throws IOException {
    Random random = new Random(SEED);
    List<String> names = store.list(FOLDER).stream().map(entry -> entry.name()).toList();
    for (int round = 0; round < 100; round++) {
      String name = names.get(random.nextInt(names.size()));
      byte[] good = store.files.get(path(name));
      int[] edges = {
        0,
        1,
        good.length - 1,
        good.length - 4096,
        good.length / 4096 * 4096,
        random.nextInt(good.length)
      };
      int length = Math.max(0, edges[random.nextInt(edges.length)]);
      if (length == good.length) {
        length--;
      }
      store.files.put(path(name), Arrays.copyOf(good, length));
      for (Problem problem : bothRefuse(name + " cut to " + length)) {
        assertEquals(name, problem.file());
      }
      store.files.put(path(name), Arrays.copyOf(good, good.length + 1));
      bothRefuse(name + " with a byte too many");
      store.files.put(path(name), good);
    }
  }

  @Test
  void aMissingFileIsNamed() throws IOException {
    for (String name : store.list(FOLDER).stream().map(entry -> entry.name()).toList()) {
      byte[] good = store.files.remove(path(name));
      for (Problem problem : bothRefuse("without " + name)) {
        assertEquals(name, problem.file());
      }
      store.files.put(path(name), good);
    }
  }

  @Test
  void swappedPartsAreFound() {
    String a = manifest.parts().get(0).file();
    String b = manifest.parts().get(1).file();
    swap(path(a), path(b));
    bothRefuse("swapped parts");
    swap(path(Format.indexName(a)), path(Format.indexName(b)));
    bothRefuse("parts swapped with their indexes");
  }

  private void swap(String a, String b) {
    byte[] bytes = store.files.get(a);
    store.files.put(a, store.files.get(b));
    store.files.put(b, bytes);
  }

  @Test
  void aPartOfAnOlderSaveIsFoundByItsSaveId() throws IOException {
    MemoryFileStore older = new MemoryFileStore();
    TestState.awkward(SEED + 1)
        .save(older, FOLDER, "save-0000", 5, SavePlan.balance(state.tensors, 3));
    String part = manifest.parts().get(1).file();
    String index = Format.indexName(part);
    store.files.put(path(part), older.files.get(path(part)));
    for (Problem problem : bothRefuse("a part of an older save")) {
      assertEquals(part, problem.file());
      assertTrue(
          problem.message().contains("belongs to save 'save-0000', not to 'save-0001'"),
          problem.message());
    }
    store.files.put(path(index), older.files.get(path(index)));
    for (Problem problem : bothRefuse("a part and an index of an older save")) {
      assertEquals(index, problem.file());
    }
  }

  @Test
  void aPartOfTheSameSaveIdWithOtherDataIsFound() throws IOException {
    MemoryFileStore other = new MemoryFileStore();
    TestState.awkward(SEED + 1)
        .save(other, FOLDER, TestState.SAVE, 5, SavePlan.balance(state.tensors, 3));
    String part = manifest.parts().get(0).file();
    store.files.put(path(part), other.files.get(path(part)));
    for (Problem problem : bothRefuse("a part with other data")) {
      assertEquals(part, problem.file());
    }
  }

  @Test
  void aStrayFileDoesNoHarmAndIsListed() throws IOException {
    store.files.put(path("part-g0-r0-a0-0.safetensors"), new byte[10]);
    VerifyReport report = CheckpointVerifier.verify(store, FOLDER);
    assertEquals(List.of("part-g0-r0-a0-0.safetensors"), report.strays());
    assertTrue(report.valid());
    state.loadAll(store, FOLDER);
  }

  /// Manifests whose own hash is right but whose content is not, as a careless or hostile program could write them.
  @Test
  void manifestsThatAreWrongInsideAreRefused() throws IOException {
    String part = manifest.parts().get(0).file();
    String other = manifest.parts().get(1).file();
    assertRefused("no name of a part", "\"file\" : \"" + part, "\"file\" : \"../" + part);
    assertRefused("no name of a part", "\"file\" : \"" + part, "\"file\" : \"/etc/passwd");
    assertRefused("twice", other, part);
    assertRefused("Duplicate field", "\"step\" : 5", "\"step\" : 5, \"step\" : 5");
    assertRefused("unknown key 'extra'", "\"step\" : 5", "\"step\" : 5, \"extra\" : 5");
    assertRefused("lacks the key 'created'", "\"created\"", "\"creation\"");
    assertRefused("whole number", "\"step\" : 5", "\"step\" : -5");
    assertRefused("whole number", "\"step\" : 5", "\"step\" : 5.5");
    assertRefused("whole number", "\"step\" : 5", "\"step\" : 123456789012345678901234567890");
    assertRefused("two tensors are named mask", "\"name\" : \"page\"", "\"name\" : \"mask\"");
    assertRefused("cannot name a tensor", "\"name\" : \"page\"", "\"name\" : \"__page\"");
    assertRefused("the manifest says", "\"shape\" : [ 1000 ]", "\"shape\" : [ 1001 ]");
    assertRefused(
        "more than a long holds", "\"shape\" : [ 1000 ]", "\"shape\" : [ 9223372036854775807, 3 ]");
    assertRefused("DType", "\"dtype\" : \"U8\"", "\"dtype\" : \"U9\"");
    assertRefused("of kind 'bellows.other'", "\"bellows.checkpoint\"", "\"bellows.other\"");
    assertRefused(
        "is in no piece",
        "\"parts\" : [ {",
        "\"parts\" : [ ], \"x\" : [ {",
        "\"x\"",
        "unknown key");
  }

  private void assertRefused(String message, String from, String to, String... alternatives)
      throws IOException {
    byte[] good = store.files.get(path(Format.MANIFEST));
    String text = new String(good, StandardCharsets.UTF_8);
    assertTrue(text.contains(from), from + " is not in " + text);
    store.files.put(
        path(Format.MANIFEST),
        Manifest.withHash(
            text.replaceFirst(Pattern.quote(from), to).getBytes(StandardCharsets.UTF_8)));
    List<String> accepted = new ArrayList<>(List.of(alternatives));
    accepted.add(message);
    for (Problem problem : bothRefuse(to)) {
      assertTrue(accepted.stream().anyMatch(problem.toString()::contains), to + ": " + problem);
    }
    store.files.put(path(Format.MANIFEST), good);
  }

  @Test
  void tooNewTooOldAndCorruptAreThreeMessages() throws IOException {
    byte[] good = store.files.get(path(Format.MANIFEST));
    String text = new String(good, StandardCharsets.UTF_8);
    byte[] newer =
        text.replace("\"version\" : 1", "\"version\" : 2").getBytes(StandardCharsets.UTF_8);
    byte[] older =
        text.replace("\"version\" : 1", "\"version\" : 0").getBytes(StandardCharsets.UTF_8);
    assertKind(
        CheckpointException.Kind.TOO_NEW,
        "is too new: it has format version 2",
        Manifest.withHash(newer));
    assertKind(
        CheckpointException.Kind.TOO_OLD,
        "is too old: it has format version 0",
        Manifest.withHash(older));
    assertKind(CheckpointException.Kind.CORRUPT, "does not agree with its own hash", newer);
    assertKind(CheckpointException.Kind.CORRUPT, "does not agree with its own hash", new byte[0]);
    assertKind(
        CheckpointException.Kind.CORRUPT, "does not agree with its own hash", new byte[5000]);
    store.files.remove(path(Format.MANIFEST));
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> Manifest.read(store, FOLDER));
    assertEquals(CheckpointException.Kind.UNCOMMITTED, e.kind());
  }

  private void assertKind(CheckpointException.Kind kind, String message, byte[] bytes) {
    store.files.put(path(Format.MANIFEST), bytes);
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> CheckpointReader.open(store, FOLDER));
    assertEquals(kind, e.kind());
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().startsWith(FOLDER + "/manifest.json: "), e.getMessage());
  }

  /// Random edits under hashes made right again: whatever they say, the answer is a verdict and never another exception.
  @Test
  void hostileManifestsAndIndexesNeverBreakTheReader() throws IOException {
    Random random = new Random(SEED);
    byte[] manifestBytes = store.files.get(path(Format.MANIFEST));
    int refused = 0;
    for (int round = 0; round < 600; round++) {
      Manifest.Part part = manifest.parts().get(random.nextInt(manifest.parts().size()));
      String index = Format.indexName(part.file());
      byte[] indexBytes = store.files.get(path(index));
      if (random.nextBoolean()) {
        store.files.put(path(Format.MANIFEST), Manifest.withHash(edit(manifestBytes, random)));
      } else {
        byte[] edited = edit(indexBytes, random);
        store.files.put(path(index), edited);
        String text =
            new String(manifestBytes, StandardCharsets.UTF_8)
                .replace(part.indexSha256(), Format.sha256(edited))
                .replace(
                    "\"indexLength\" : " + part.indexLength(),
                    "\"indexLength\" : " + edited.length);
        store.files.put(
            path(Format.MANIFEST), Manifest.withHash(text.getBytes(StandardCharsets.UTF_8)));
      }
      boolean valid = CheckpointVerifier.verify(store, FOLDER).valid();
      try {
        state.loadAll(store, FOLDER);
        assertTrue(valid, "seed " + SEED + ", round " + round + ": loaded, but verify refused");
      } catch (IOException e) {
        refused++;
      }
      store.files.put(path(index), indexBytes);
      store.files.put(path(Format.MANIFEST), manifestBytes);
    }
    assertTrue(
        refused > 200, "only " + refused + " edits were refused: this test would prove little");
  }

  /// Replaces a digit or a letter, or a run of digits by a huge number.
  private static byte[] edit(byte[] bytes, Random random) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    String tail = text.substring(text.length() - 85);
    String body = text.substring(0, text.length() - 85);
    List<String> huge =
        List.of(
            "9223372036854775807",
            "9223372036854771712",
            "4294967296",
            "-1",
            "1e3",
            "0",
            "null",
            "[]");
    int at = random.nextInt(body.length());
    while (!Character.isLetterOrDigit(body.charAt(at))) {
      at = random.nextInt(body.length());
    }
    int end = at + 1;
    while (end < body.length()
        && Character.isDigit(body.charAt(at))
        && Character.isDigit(body.charAt(end))) {
      end++;
    }
    String with =
        random.nextBoolean()
            ? huge.get(random.nextInt(huge.size()))
            : Integer.toString(random.nextInt(10));
    return (body.substring(0, at) + with + body.substring(end) + tail)
        .getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void numbersThatJsonCannotHoldAreRefused() {
    for (double value : new double[] {Double.NaN, Double.NEGATIVE_INFINITY}) {
      var trainer = Json.object();
      trainer.putObject("best").putArray("losses").add(1.5).add(value);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  new ManifestContent(
                      TestState.SAVE, 1, List.of(), trainer, Json.object(), Map.of()));
      assertTrue(e.getMessage().startsWith("trainer.best.losses[1] is " + value), e.getMessage());
    }
  }

  /// Indexes that agree with every hash but not with themselves.
  @Test
  void indexesThatAreWrongInsideAreRefused() throws IOException {
    String file = manifest.parts().get(0).file();
    String text = new String(store.files.get(path(Format.indexName(file))), StandardCharsets.UTF_8);
    assertEquals(
        file, PartIndex.parse(text.getBytes(StandardCharsets.UTF_8), file, TestState.SAVE).file());
    String[][] edits = {
      {"\"begin\":4096", "\"begin\":8192"},
      {"\"begin\":4096", "\"begin\":-4096"},
      {"\"begin\":4096", "\"begin\":9223372036854771712"},
      {"\"start\":[0,0]", "\"start\":[0,1]"},
      {"\"start\":[0,0]", "\"start\":[-1,0]"},
      {"\"start\":[0,0]", "\"start\":[0]"},
      {"\"start\":[0,0]", "\"start\":[9223372036854775807,0]"},
      {"\"chunk\":4096", "\"chunk\":0"},
      {"\"chunk\":4096", "\"chunk\":8192"},
      {"\"chunk\":4096", "\"chunk\":4611686018427387904"},
      {"\"crc32c\":[\"", "\"crc32c\":[\"00000000\",\""},
      {"\"version\":1", "\"version\":2"},
      {"\"save\":\"save-0001\"", "\"save\":\"save-0002\""},
      {"\"part\":\"part-g1-r0", "\"part\":\"part-g1-r1"},
      {"\"pieces\":[", "\"pieces\":[],\"more\":["},
      {"{\"kind\"", "{\"kind\":\"x\",\"kind\""},
      {"\"header\":{\"length\":4096", "\"header\":{\"length\":4097"},
      {"\"header\":{\"length\":4096", "\"header\":{\"length\":9223372036854771712"},
    };
    for (String[] edit : edits) {
      assertTrue(text.contains(edit[0]), edit[0] + " is not in " + text);
      byte[] bytes =
          text.replaceFirst(Pattern.quote(edit[0]), edit[1]).getBytes(StandardCharsets.UTF_8);
      try {
        PartIndex.parse(bytes, file, TestState.SAVE);
        throw new AssertionError("accepted: " + edit[1]);
      } catch (IOException | ArithmeticException e) {
        assertFalse(e.getMessage().isBlank());
      }
    }
  }

  /// A header whose checksum is right but whose entries are not those of the index.
  @Test
  void headersThatDisagreeWithTheirIndexAreRefused() throws IOException {
    String file = manifest.parts().get(0).file();
    byte[] good = store.files.get(path(file));
    PartIndex index =
        PartIndex.parse(store.files.get(path(Format.indexName(file))), file, TestState.SAVE);
    byte[] header = Arrays.copyOf(good, index.headerLength());
    PartHeader.check(header, file, TestState.SAVE, index.pieces());
    String text = new String(header, 8, header.length - 8, StandardCharsets.UTF_8);
    String[][] edits = {
      {"\"F32\"", "\"I32\""},
      {"[0,", "[4,"},
      {"\"__pad.0\"", "\"__pad.9\""},
      {"{\"__metadata__\"", " {\"__metadata__\""},
      {"\"bellows.save\":\"save-0001\"", "\"bellows.save\":\"save-0002\""},
      {"\"dtype\"", "\"dtype\":\"F32\",\"dtype\""},
    };
    for (String[] edit : edits) {
      assertTrue(text.contains(edit[0]), edit[0] + " is not in " + text);
      byte[] json =
          text.replaceFirst(Pattern.quote(edit[0]), edit[1]).getBytes(StandardCharsets.UTF_8);
      byte[] bad = Arrays.copyOf(header, header.length);
      System.arraycopy(json, 0, bad, 8, header.length - 8);
      assertThrows(
          IOException.class,
          () -> PartHeader.check(bad, file, TestState.SAVE, index.pieces()),
          edit[1]);
    }
    byte[] longer = header.clone();
    ByteBuffer.wrap(longer).order(ByteOrder.LITTLE_ENDIAN).putLong(Long.MAX_VALUE);
    assertThrows(
        IOException.class, () -> PartHeader.check(longer, file, TestState.SAVE, index.pieces()));
  }
}
