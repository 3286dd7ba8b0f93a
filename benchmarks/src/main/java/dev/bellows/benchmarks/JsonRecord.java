package dev.bellows.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;

/// The file form of every benchmark's record.
final class JsonRecord {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");

  private JsonRecord() {}

  /// Writes `BENCHMARK-TIME.json` to `folder` and returns its path.
  static Path write(String benchmark, Path folder, Map<String, Object> facts) throws IOException {
    Files.createDirectories(folder);
    String time = ZonedDateTime.now(ZoneOffset.UTC).format(TIME);
    Path file = folder.resolve(benchmark + "-" + time + ".json");
    JSON.writeValue(file.toFile(), facts);
    return file;
  }
}
