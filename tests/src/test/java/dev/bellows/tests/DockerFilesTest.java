package dev.bellows.tests;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.yaml.snakeyaml.Yaml;

/// The container files without a Docker engine: they parse, and what they name exists.
class DockerFilesTest {
  private static final String IMAGE_HOME = "/opt/bellows/";
  private static final Pattern CLASS_NAME = Pattern.compile("([a-z]\\w*\\.){2,}[A-Z]\\w*");
  private static final Path FOLDER = ProjectFolder.root().resolve("docker");

  @Test
  void composeNamesOneMasterTwoWorkersAndASubmit() throws IOException {
    JsonNode services = compose().path("services");
    assertEquals(
        List.of("master", "worker-1", "worker-2", "submit"),
        services.properties().stream().map(entry -> entry.getKey()).toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"master", "worker-1", "worker-2", "submit"})
  void everythingAServiceNamesExists(String name) throws IOException {
    JsonNode service = service(name);
    Path context = FOLDER.resolve(service.at("/build/context").asText()).normalize();
    assertEquals(ProjectFolder.root(), context);
    assertTrue(Files.isRegularFile(context.resolve(service.at("/build/dockerfile").asText())));
    List<String> words = words(service, "entrypoint");
    words.addAll(words(service, "command"));
    assertFalse(words.isEmpty(), name + " runs nothing");
    for (String word : words) {
      assertExists(word);
    }
    for (String volume : words(service, "volumes")) {
      String source = volume.substring(0, volume.indexOf(':'));
      assertTrue(compose().path("volumes").has(source), "volume " + source + " is not declared");
    }
    for (String other : words(service, "depends_on")) {
      assertTrue(compose().path("services").has(other), "there is no service " + other);
    }
  }

  @Test
  void aNameThatDoesNotExistIsFound() {
    assertThrows(AssertionError.class, () -> assertExists("org.apache.spark.deploy.NoSuchMaster"));
    assertThrows(AssertionError.class, () -> assertExists("@/opt/bellows/no-such.options"));
  }

  @Test
  void theDockerfileCopiesWhatExistsAndDropsRoot() throws IOException {
    List<String> lines = Files.readAllLines(FOLDER.resolve("Dockerfile"));
    List<String> copied =
        lines.stream()
            .filter(line -> line.startsWith("COPY --from=build"))
            .flatMap(line -> Stream.of(line.split(" ")))
            .filter(word -> word.startsWith(IMAGE_HOME))
            .toList();
    assertFalse(copied.isEmpty());
    copied.forEach(DockerFilesTest::assertExists);
    String user =
        lines.stream().filter(line -> line.startsWith("USER ")).reduce((a, b) -> b).orElse("");
    assertEquals("USER bellows", user, "the image must not run as root");
  }

  /// Fails unless `word` is no reference, or refers to a file of the checkout or a loadable class.
  private static void assertExists(String word) {
    if (CLASS_NAME.matcher(word).matches()) {
      ClassLoader loader = DockerFilesTest.class.getClassLoader();
      assertDoesNotThrow(
          () -> Class.forName(word, false, loader).getMethod("main", String[].class),
          () -> word + " is no main class on the class path");
    }
    String path = word.startsWith("@") ? word.substring(1) : word;
    // What the build writes is the business of DistTest.
    if (path.startsWith(IMAGE_HOME) && !path.startsWith(IMAGE_HOME + "target/")) {
      Path file = ProjectFolder.root().resolve(path.substring(IMAGE_HOME.length()));
      assertTrue(Files.exists(file), () -> word + " does not exist as " + file);
    }
  }

  private static List<String> words(JsonNode service, String key) {
    return new ArrayList<>(
        StreamSupport.stream(service.path(key).spliterator(), false)
            .map(JsonNode::asText)
            .toList());
  }

  private static JsonNode service(String name) throws IOException {
    return compose().path("services").path(name);
  }

  /// The Compose file with its anchors and merge keys resolved.
  private static JsonNode compose() throws IOException {
    String text = Files.readString(FOLDER.resolve("docker-compose.yaml"));
    return new ObjectMapper().valueToTree(new Yaml().load(text));
  }
}
