package dev.bellows.trainer.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigLoaderTest {
  private static String error(String text, String... overrides) {
    ConfigException error =
        assertThrows(
            ConfigException.class,
            () -> ConfigLoader.load("conf/x.yaml", text, List.of(overrides)));
    assertEquals("configuration", error.category());
    return error.getMessage();
  }

  private static String mlpError(String... overrides) {
    return error(Configs.MINIMAL, overrides);
  }

  private static String gptError(String... overrides) {
    return error(Configs.MINIMAL_GPT, overrides);
  }

  @Test
  void unknownKeyNamesFileKeyAndTheNearestKey() {
    assertEquals(
        "conf/x.yaml: unknown key optimizer.learningrate; did you mean optimizer.learningRate?",
        error(Configs.MINIMAL + "optimizer: {learningrate: 1}"));
    assertEquals(
        "conf/x.yaml: unknown key optimiser; did you mean optimizer.kind?",
        error(Configs.MINIMAL + "optimiser: {learningRate: 1}"));
  }

  @ParameterizedTest
  @CsvSource({
    "optimizer.lerningRate, optimizer.learningRate",
    "learningRate, optimizer.learningRate",
    "workers.cuont, workers.count",
    "sede, seed",
    "train.step, train.steps",
    "batch.globals, batch.global",
    "checkpoint.evry, checkpoint.every",
    "workers.heartBeat, workers.heartbeat",
    "seed.x, seed",
  })
  void unknownOverrideNamesTheNearestKey(String key, String nearest) {
    assertEquals(
        "override " + key + "=1: unknown key " + key + "; did you mean " + nearest + "?",
        mlpError(key + "=1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "workers.threads=two | workers.threads is 'two'; it must be a whole number",
        "workers.threads=1.5 | workers.threads is '1.5'; it must be a whole number",
        "workers.threads=99999999999 | workers.threads is '99999999999'; it must be a whole number",
        "workers.threads= | workers.threads is empty; it must be a whole number",
        "workers.threads=[1] | workers.threads is a list of 1; it must be a whole number",
        "workers.threads=0 | workers.threads is 0; it must be from 1 to 1024",
        "workers.count=9 | workers.count is 9; it must be at most batch.groups, which is 8, because"
            + " a worker owns whole groups",
        "workers=0 | workers.count is 0; it must be 1 or more",
        "workers.memory=2GB | workers.memory is '2GB'; it must be a size in bytes, or with a unit:"
            + " k, m, g, t or KiB, MiB, GiB, TiB, such as 2g",
        "workers.memory=1m | workers.memory is 1MiB; it must be 512MiB or more",
        "workers.heartbeat=5 | workers.heartbeat is '5'; it must be a time with its unit: ms, s, m"
            + " or h, such as 500ms",
        "workers.heartbeat=1ms | workers.heartbeat is 1ms; it must be 10ms or more",
        "workers.lostAfter=1 | workers.lostAfter is 1; it must be 2 or more",
        "workers.startTimeout=0s | workers.startTimeout is 0ms; it must be 1s or more",
        "optimizer.learningRate=NaN | optimizer.learningRate is 'NaN'; it must be a number",
        "optimizer.learningRate=1e999 | optimizer.learningRate is Infinity; it must be a number"
            + " above 0",
        "optimizer.learningRate=0 | optimizer.learningRate is 0.0; it must be a number above 0",
        "optimizer.beta2=1 | optimizer.beta2 is 1.0; it must be 0.0 or more and less than 1.0",
        "optimizer.clip=-1 | optimizer.clip is -1.0; it must be a number of 0 or more",
        "optimizer=adam | optimizer.kind is 'adam'; it must be one of adamw, sgd, lion, adafactor,"
            + " muon",
        "optimizer.relativeStep=false | optimizer.relativeStep has no meaning for optimizer.kind"
            + " adamw, only for adafactor; leave it out",
        "lossScale=100 | lossScale.initial is 100.0; it must be a power of two from 1 to 2^64, such"
            + " as 65536, or 0 for no loss scaling",
        "optimizer.groups=[{match: a, freeze: true}] | unknown key optimizer.groups.freeze; did you"
            + " mean optimizer.groups.frozen?",
        "optimizer.momentum=0.9 | optimizer.momentum has no meaning for optimizer.kind adamw, only"
            + " for sgd or muon; leave it out",
        "schedule.floor=2 | schedule.floor is 2.0; it must be from 0 to 1",
        "schedule.warmup=6 | schedule.steps is 5, but warm-up alone takes 6 steps; shorten them or"
            + " raise schedule.steps or train.steps",
        "schedule=wsd | schedule.decay is missing; it must be a whole number",
        "batch.groups=6 | batch.groups is 6; it must be a power of two, such as 4 or 8",
        "batch.micro=2 | batch.global is 8; it must be a multiple of batch.micro · batch.groups = 2"
            + " · 8 = 16, such as 16, or batch.micro must be one of 1",
        "batch.global=20 | batch.global is 20; it must be a multiple of batch.micro · batch.groups"
            + " = 1 · 8 = 8, such as 16 or 24",
        "parallel.zero=4 | parallel.zero is 4; it must be from 0 to 3",
        "parallel.pipeline=0 | parallel.pipeline is 0; it must be from 1 to 4096",
        "parallel.schedule=zigzag | parallel.schedule is 'zigzag'; it must be one of gpipe, 1f1b,"
            + " interleaved",
        "parallel.sequence=true | parallel.sequence is true while parallel.tensor is 1; it splits"
            + " positions over the tensor axis, so it needs a degree of 2 or more",
        "parallel.context=2 | parallel.context is 2, but model.kind mlp has no sequences; leave it"
            + " out",
        "parallel.expert=2 | parallel.expert is 2, but model.kind mlp has no experts; it must be 1",
        "parallel.tensor=3 | parallel.pipeline 1 · parallel.context 1 · parallel.tensor 3 = 3 does"
            + " not divide the number of workers, 2; valid would be parallel.tensor 1 or 2, or"
            + " workers.count 3",
        "parallel.data=4 | parallel.pipeline 1 · parallel.data 4 · parallel.context 1 ·"
            + " parallel.tensor 1 = 4 is not the number of workers, 2; valid would be parallel.data"
            + " 2, or workers.count 4",
        "transport.mtu=1500 | transport.mtu is 1500; it must be a multiple of 32 from 1024 to"
            + " 65504",
        "transport.controlPort=70000 | transport.controlPort is 70000; it must be from 0 to 65535",
        "model.hidden=8 | model.hidden is '8'; it must be a list of whole numbers, such as [1000,"
            + " 1000]",
        "model.hidden=[8, x] | model.hidden is 'x'; it must be a whole number",
        "model.hidden=[0] | model.hidden is 0; it must be 1 or more",
        "model.layers=2 | model.layers has no meaning for model.kind mlp, only for gpt or llama;"
            + " leave it out",
        "data.samples=0 | data.samples is 0; it must be 1 or more",
        "data.path=x | data.path has no meaning for data.kind digits, only for text or idx; leave"
            + " it out",
        "generate.length=10 | generate.length is 10, but model.kind mlp gives no text; it must be"
            + " 0",
        "run.name=a b | run.name is 'a b'; it must be made of letters, digits, '.', '_' and '-'",
        "spark.conf.foo=1 | spark.conf names the setting foo; Spark's settings start with 'spark.'",
        "log.every=0 | log.every is 0; it must be 1 or more",
        "checkpoint.keep=0 | checkpoint.keep is 0; it must be 1 or more",
        "train=0 | train.steps is 0; it must be 1 or more",
        "model=[1] | model is a list of 1; it must be a mapping of keys to values",
      })
  void wrongValueNamesKeyValueAndWhatWouldBeRight(String override, String reason) {
    String message = mlpError(override);
    assertTrue(message.endsWith(": " + reason), message);
    assertTrue(
        message.startsWith("override " + override) || message.startsWith("conf/x.yaml"), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.heads=3 | model.heads is 3; it must divide model.width, which is 8",
        "model.vocabulary=65 | model.vocabulary is 65; it must be 256 or more, because data.kind"
            + " text is read byte by byte",
        "model.dropout=1 | model.dropout is 1.0; it must be 0 or more and below 1",
        "model.labelSmoothing=-0.1 | model.labelSmoothing is -0.1; it must be 0 or more and below"
            + " 1",
        "model.zLoss=-1 | model.zLoss is -1.0; it must be 0 or more",
        "model.keyValueHeads=1 | model.keyValueHeads has no meaning for model.kind gpt, only for"
            + " llama; leave it out",
        "model.bias=yes | model.bias is 'yes'; it must be true or false",
        "data.validation=1 | data.validation is 1.0; it must be a fraction above 0 and below 1",
        "data.sha256=AB | data.sha256 is 'AB'; it must be 64 hexadecimal digits in lower case",
        "data.path= | data.path is not given; it must name a text file, such as"
            + " data.path=/data/corpus.txt",
        "generate.prompt= | generate.prompt is empty; it must be at least one character, such as a"
            + " line break",
      })
  void wrongValueOfAGpt(String override, String reason) {
    assertEquals("override " + override + ": " + reason, gptError(override));
  }

  @Test
  void wrongValuesOfALlamaAndOfACnn() {
    String llama = Configs.MINIMAL_GPT.replace("kind: gpt", "kind: llama");
    assertEquals(
        "conf/x.yaml: model.keyValueHeads is 3; it must divide model.heads, which is 2",
        error(llama.replace("heads: 2,", "heads: 2, keyValueHeads: 3,")));
    assertEquals(
        "conf/x.yaml: model.heads is 8; for rotary embedding it must divide model.width, which is"
            + " 8, into heads of an even width",
        error(llama.replace("heads: 2,", "heads: 8,")));
    assertEquals(
        "conf/x.yaml: model.ropeTheta is 0.0; it must be above 0",
        error(llama.replace("heads: 2,", "heads: 2, ropeTheta: 0,")));
    String cnn = Configs.MINIMAL.replace("kind: mlp, hidden: [8]", "kind: cnn, channels: [8, 4]");
    assertEquals(
        "conf/x.yaml: model.channels is [8]; it must be two numbers, such as [32, 64]",
        error(cnn.replace("[8, 4]", "[8]")));
    assertEquals(
        "conf/x.yaml: model.kernel is 4; it must be odd, such as 5",
        error(cnn.replace("[8, 4]", "[8, 4], kernel: 4")));
  }

  @Test
  void sequencesMustBeCutEvenly() {
    assertEquals(
        "override parallel={context: 3}: model.context is 16; it must be a multiple of 3, the parts"
            + " into which parallel.context cuts a sequence",
        gptError("workers=3", "parallel={context: 3}"));
    assertEquals(
        "override parallel={tensor: 3, sequence: true}: model.context is 16; it must be a multiple"
            + " of 3, the parts into which parallel.context and parallel.sequence cut a sequence",
        gptError("workers=3", "parallel={tensor: 3, sequence: true}"));
  }

  @Test
  void dataMustFitTheModel() {
    assertEquals(
        "conf/x.yaml: data.kind is text, but model.kind mlp learns from images; it must be idx or"
            + " digits",
        error(Configs.MINIMAL.replace("kind: digits", "kind: text, path: x")));
    assertEquals(
        "conf/x.yaml: data.kind is digits, but model.kind gpt learns from tokens; it must be text",
        error(Configs.MINIMAL_GPT.replace("kind: text, path: a.txt", "kind: digits")));
  }

  @Test
  void aMissingKeyIsNamed() {
    assertEquals(
        "conf/x.yaml: model.kind is missing; it must be one of gpt, llama, mlp, cnn", error(""));
    assertEquals(
        "conf/x.yaml: batch.global is missing; it must be a whole number",
        error(Configs.MINIMAL.replace("global: 8, ", "")));
  }

  @Test
  void duplicateKeysAreRefused() {
    assertEquals(
        "conf/x.yaml: line 6: key train is given twice; keep one",
        error(Configs.MINIMAL + "\ntrain: {steps: 6}"));
    assertEquals(
        "conf/x.yaml: line 5: key log.every is given twice; keep one",
        error(Configs.MINIMAL + "log: {every: 1, every: 2}"));
  }

  @Test
  void whatIsNoConfigurationIsRefused() {
    assertTrue(error("a: [1").startsWith("conf/x.yaml: line "), error("a: [1"));
    assertEquals(
        "conf/x.yaml: this is a list of 2; it must be a mapping of sections", error("[1, 2]"));
    assertTrue(error(Configs.MINIMAL + "---\nseed: 1").contains("second document"));
    assertTrue(error("seed: &a 1\nlog: {every: *a}").contains("aliases"));
    assertEquals(
        "'x' is no override; it must be key=value, such as workers.count=2", mlpError("x"));
  }

  @Test
  void overridesComeInOrderAndMerge() {
    RunConfig config =
        Configs.minimal(
            "batch={global: 48, micro: 3}",
            "batch.groups=4",
            "workers=3",
            "workers.count=4",
            "seed=7");
    assertEquals(new BatchSection(48, 3, 4, BatchSection.Reduction.TREE), config.batch());
    assertEquals(4, config.workers().count());
    assertEquals(7, config.seed());
  }

  @Test
  void textValuesOfOverridesKeepTheirCharacters() {
    assertEquals("a: b #c", Configs.gpt("generate.prompt=a: b #c").generate().prompt());
    assertEquals("\n", Configs.gpt("generate.prompt=\"\\n\"").generate().prompt());
    assertEquals("hdfs://h:1/a=b", Configs.gpt("data.path=hdfs://h:1/a=b").data().path());
  }

  @Test
  void theResolvedTextReadsBackEqual() {
    List<RunConfig> configs =
        List.of(
            Configs.minimal(
                "optimizer=sgd",
                "optimizer.nesterov=true",
                "schedule=wsd",
                "schedule.decay=2",
                "parallel.schedule=1f1b",
                "parallel.zero=2",
                "workers.heartbeat=1500ms"),
            Configs.gpt(
                "generate.prompt=\"a\\t\\\"\\\\ü😀\\u0001\"",
                "spark.conf.spark.a.b=yes",
                "run.folder=/a b/c",
                "run.name=true"),
            Configs.gpt(
                "data.sha256=" + "0".repeat(64),
                "workers.memory=1234567890",
                "optimizer.epsilon=1.5e-300",
                "run.name=1e3"));
    for (RunConfig config : configs) {
      String yaml = ConfigLoader.toYaml(config);
      RunConfig again = ConfigLoader.load("other.yaml", yaml, List.of());
      assertEquals(config, again, yaml);
      assertEquals(yaml, ConfigLoader.toYaml(again));
      assertEquals(ConfigLoader.sha256(config), ConfigLoader.sha256(again));
    }
    assertNotEquals(ConfigLoader.sha256(configs.get(1)), ConfigLoader.sha256(configs.get(2)));
  }

  @Test
  void readsAFileAndNamesAMissingOne(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("my run.yaml"), Configs.MINIMAL);
    assertEquals("my-run", ConfigLoader.load(file, List.of()).run().name());
    Path missing = folder.resolve("none.yaml");
    ConfigException error =
        assertThrows(ConfigException.class, () -> ConfigLoader.load(missing, List.of()));
    assertEquals(
        missing
            + ": there is no such file; give the path of a YAML file, such as conf/gpt-nano.yaml",
        error.getMessage());
  }

  @Test
  void pathsCanBeReplaced() {
    RunConfig config = Configs.gpt().withPaths("/abs/runs", "/abs/a.txt");
    assertEquals("/abs/runs", config.run().folder());
    assertEquals("/abs/a.txt", config.data().path());
    assertEquals(Configs.gpt("run.folder=/abs/runs", "data.path=/abs/a.txt"), config);
  }

  @ParameterizedTest
  @CsvSource({
    "1024, 1KiB",
    "2g, 2GiB",
    "512MiB, 512MiB",
    "1.5k, 1536",
    "0, 0",
    "7b, 7",
    "3 T, 3TiB"
  })
  void sizes(String text, String shown) {
    assertEquals(shown, ByteSize.parse(text).toString());
    assertEquals(ByteSize.parse(text), ByteSize.parse(shown));
  }
}
