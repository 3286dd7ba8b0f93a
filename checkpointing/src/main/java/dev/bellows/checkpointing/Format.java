package dev.bellows.checkpointing;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/// Constants and checksums of the format; they change only together with `docs/formats/checkpoint.md`.
final class Format {
  static final int VERSION = 1;
  static final int OLDEST_VERSION = 1;
  static final String MANIFEST_KIND = "bellows.checkpoint";
  static final String INDEX_KIND = "bellows.checkpoint.index";
  static final String PART_KIND = "bellows.checkpoint.part";
  static final String MANIFEST = "manifest.json";
  static final String LATEST = "LATEST";
  static final String PAD = "__pad.";
  static final int ALIGNMENT = 4096;
  static final int CHUNK = 4 << 20;
  static final int LARGEST_CHUNK = 64 << 20;
  static final long LARGEST_HEADER = 100_000_000;
  static final long LARGEST_JSON = 512L << 20;

  private static final Pattern NAME = Pattern.compile("[!-~&&[^@\"\\\\]]{1,512}");
  private static final Pattern ROLE = Pattern.compile("[a-z][a-z0-9_.-]{0,63}");
  private static final Pattern SAVE_ID = Pattern.compile("[A-Za-z0-9-]{8,64}");
  private static final Pattern PART =
      Pattern.compile("part-g\\d{1,10}-r\\d{1,10}-a\\d{1,10}-\\d{1,10}\\.safetensors");

  private Format() {}

  static long align(long offset) {
    return Math.addExact(offset, ALIGNMENT - 1) & -ALIGNMENT;
  }

  static boolean isTensorName(String name) {
    return NAME.matcher(name).matches() && !name.startsWith("__");
  }

  static boolean isRole(String role) {
    return ROLE.matcher(role).matches();
  }

  static boolean isSaveId(String id) {
    return SAVE_ID.matcher(id).matches();
  }

  static boolean isPartName(String file) {
    return PART.matcher(file).matches();
  }

  static String indexName(String part) {
    return part.substring(0, part.length() - ".safetensors".length()) + ".index.json";
  }

  static int crc32c(MemorySegment bytes) {
    CRC32C crc = new CRC32C();
    boolean copy = bytes.heapBase().filter(base -> !(base instanceof byte[])).isPresent();
    for (long at = 0; at < bytes.byteSize(); at += CHUNK) {
      MemorySegment slice = bytes.asSlice(at, Math.min(CHUNK, bytes.byteSize() - at));
      if (copy) {
        crc.update(slice.toArray(ValueLayout.JAVA_BYTE));
      } else {
        crc.update(slice.asByteBuffer());
      }
    }
    return (int) crc.getValue();
  }

  static String hex(int crc) {
    return HexFormat.of().toHexDigits(crc);
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
