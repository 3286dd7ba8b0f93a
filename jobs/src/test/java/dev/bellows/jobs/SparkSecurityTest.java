package dev.bellows.jobs;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.security.RunKey;
import dev.bellows.trainer.WorkerSpec;
import dev.bellows.trainer.config.ConfigException;
import dev.bellows.trainer.config.ConfigLoader;
import dev.bellows.trainer.config.RunConfig;
import java.io.ByteArrayOutputStream;
import java.io.ObjectOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Our encryption and Spark's go together or not at all, and the key stays out of what Spark may write down.
class SparkSecurityTest {
  private static final Path RECIPE = Path.of("../conf/gpt-nano.yaml");

  private static RunConfig config(boolean encryption, String... more) {
    List<String> overrides = new ArrayList<>(List.of(more));
    overrides.add("transport.encryption=" + encryption);
    return ConfigLoader.load(RECIPE, overrides);
  }

  private static SparkConf conf(String master, String... settings) {
    SparkConf conf = new SparkConf(false).set("spark.master", master);
    for (String setting : settings) {
      conf.set(setting, "true");
    }
    return conf;
  }

  private static String refusal(RunConfig config, SparkConf conf) {
    return assertThrows(ConfigException.class, () -> SparkSecurity.check(config, conf))
        .getMessage();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spark.network.crypto.enabled",
        "spark.ssl.enabled",
        "spark.ssl.rpc.enabled",
        "spark.authenticate.enableSaslEncryption"
      })
  void whoEncryptsSparkMustEncryptTensorsToo(String setting) {
    for (String master : List.of("local-cluster[2,1,512]", "spark://far:7077", "yarn")) {
      String sentence = refusal(config(false), conf(master, setting, "spark.authenticate"));
      assertTrue(
          sentence.startsWith(setting + " is true, but transport.encryption is false")
              && sentence.endsWith("set transport.encryption=true"),
          sentence);
    }
    assertDoesNotThrow(
        () ->
            SparkSecurity.check(
                config(false), conf("yarn").set(setting, "false").set("spark.master", "yarn")));
  }

  @Test
  void filesOnLocalDisksAreAnotherMatter() {
    assertDoesNotThrow(
        () -> SparkSecurity.check(config(false), conf("yarn", "spark.io.encryption.enabled")));
    assertDoesNotThrow(
        () -> SparkSecurity.check(config(false), conf("yarn", "spark.authenticate")));
  }

  @ParameterizedTest
  @CsvSource({
    "spark://far:7077, ",
    "yarn, spark.ssl.enabled",
    "yarn, spark.network.crypto.enabled",
    "k8s://https://far:6443, spark.authenticate",
    "spark://far:7077, spark.io.encryption.enabled"
  })
  void theKeyDoesNotTravelInClear(String master, String setting) {
    SparkConf conf = setting == null ? conf(master) : conf(master, setting);
    String sentence = refusal(config(true), conf);
    assertTrue(
        sentence.contains("the run's key") && sentence.contains(master + " in clear; set spark."),
        sentence);
  }

  @ParameterizedTest
  @CsvSource({
    "'local-cluster[2,1,512]', ",
    "spark://127.0.0.1:7077, ",
    "spark://localhost:7077, ",
    "spark://far:7077, spark.ssl.rpc.enabled",
    "yarn, spark.authenticate spark.network.crypto.enabled",
    "yarn, spark.authenticate spark.authenticate.enableSaslEncryption"
  })
  void bothTogetherAreFine(String master, String settings) {
    SparkConf conf = settings == null ? conf(master) : conf(master, settings.split(" "));
    assertDoesNotThrow(() -> SparkSecurity.check(config(true), conf));
  }

  /// `spark.conf` of the recipe counts like spark-submit's settings.
  @Test
  void theRecipesOwnSparkSettingsCount() {
    RunConfig config = config(false, "spark.conf={spark.network.crypto.enabled: 'true'}");
    assertTrue(
        refusal(config, SparkSettings.of(config)).startsWith("spark.network.crypto.enabled"));
  }

  /// The task is broadcast as a block, which may end up on a disk.
  @Test
  void theTaskDoesNotHoldTheKey() throws Exception {
    RunKey key = RunKey.fresh();
    WorkerSpec spec = new WorkerSpec(1, "a:1", "x: 1", "/run", 9, key);
    assertTrue(contains(serialised(spec), key.bytes()), "the control");
    byte[] task = serialised(SparkLauncher.task(spec, 1 << 30));
    assertFalse(contains(task, key.bytes()));
    assertFalse(spec.toString().contains("[B") || spec.toString().contains("secret"));
    assertTrue(spec.toString().contains("run key (hidden)"), spec.toString());
    assertEquals(key, spec.key());
  }

  private static byte[] serialised(Object object) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(object);
    }
    return bytes.toByteArray();
  }

  private static boolean contains(byte[] all, byte[] part) {
    return new String(all, StandardCharsets.ISO_8859_1)
        .contains(new String(part, StandardCharsets.ISO_8859_1));
  }
}
