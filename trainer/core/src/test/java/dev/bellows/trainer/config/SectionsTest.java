package dev.bellows.trainer.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Precision;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.plan.ScheduleKind;
import dev.bellows.trainer.config.OptimizerSection.Kind;
import java.lang.reflect.RecordComponent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/// Each section with all defaults, and with every key set to something else.
class SectionsTest {
  /// What a section is when every key is given must differ in every key from the defaults, or the test would prove nothing.
  private static <R extends Record> void check(R expectedDefaults, R defaults, R expected, R given)
      throws ReflectiveOperationException {
    assertEquals(expectedDefaults, defaults);
    assertEquals(expected, given);
    for (RecordComponent component : expected.getClass().getRecordComponents()) {
      Object before = component.getAccessor().invoke(expectedDefaults);
      Object after = component.getAccessor().invoke(expected);
      assertTrue(!before.equals(after), () -> component + " is the same in both");
    }
  }

  @Test
  void run() throws Exception {
    check(
        new RunSection("x", "runs/x"),
        Configs.minimal().run(),
        new RunSection("007", "hdfs://host:9000/runs/a b"),
        Configs.minimalWith("run", "{name: 007, folder: 'hdfs://host:9000/runs/a b'}").run());
    assertEquals(new RunSection("y", "runs/y"), Configs.minimal("run=y").run());
  }

  @Test
  void seed() {
    assertEquals(1337, Configs.minimal().seed());
    assertEquals(Long.MIN_VALUE, Configs.minimalWith("seed", "-9223372036854775808").seed());
  }

  @Test
  void backend() throws Exception {
    check(
        new BackendSection(BackendSection.Kind.AUTO), Configs.minimal().backend(),
        new BackendSection(BackendSection.Kind.REFERENCE),
            Configs.minimalWith("backend", "{kind: reference}").backend());
    assertEquals("cpu", Configs.minimal("backend=cpu").backend().name());
  }

  @Test
  void model() {
    assertEquals(gpt(1, 2, 8, 16, 256, true, 0, 0, 0), Configs.gpt().model());
    assertEquals(
        gpt(3, 5, 15, 7, 300, false, 0.1, 0.2, 1e-4),
        Configs.gptWith(
                "model",
                "{kind: gpt, layers: 3, heads: 5, width: 15, context: 7, vocabulary: 300, bias:"
                    + " false, dropout: 0.1, labelSmoothing: 0.2, zLoss: 1e-4}")
            .model());
    assertEquals(
        llama(1, 2, 0, 8, 0, 16, 256, 10_000, false, 0),
        Configs.gptWith("model", "{kind: llama, layers: 1, heads: 2, width: 8, context: 16}")
            .model());
    assertEquals(
        llama(3, 6, 2, 24, 40, 7, 300, 5e5, true, 0.1),
        Configs.gptWith(
                "model",
                "{kind: llama, layers: 3, heads: 6, keyValueHeads: 2, width: 24, intermediate: 40,"
                    + " context: 7, vocabulary: 300, ropeTheta: 5e5, tied: true, dropout: 0.1}")
            .model());
    assertEquals(
        images(ModelSection.Kind.MLP, List.of(8), List.of(), 5, 1, 0), Configs.minimal().model());
    assertEquals(
        images(ModelSection.Kind.CNN, List.of(), List.of(4, 8), 5, 1, 0),
        Configs.minimalWith("model", "{kind: cnn, channels: [4, 8]}").model());
    assertEquals(
        images(ModelSection.Kind.CNN, List.of(), List.of(4, 8), 3, 2, 20),
        Configs.minimalWith(
                "model",
                "{kind: cnn, channels: [4, 8], kernel: 3, imageChannels: 2, imageHeight: 20}")
            .model());
    assertEquals(
        List.of(), Configs.minimalWith("model", "{kind: mlp, hidden: []}").model().hidden());
  }

  private static ModelSection gpt(
      int layers,
      int heads,
      int width,
      int context,
      int vocabulary,
      boolean bias,
      double dropout,
      double labelSmoothing,
      double zLoss) {
    return new ModelSection(
        ModelSection.Kind.GPT,
        layers,
        heads,
        0,
        width,
        0,
        context,
        vocabulary,
        10_000,
        false,
        bias,
        List.of(),
        List.of(),
        5,
        1,
        0,
        dropout,
        labelSmoothing,
        zLoss);
  }

  private static ModelSection llama(
      int layers,
      int heads,
      int keyValueHeads,
      int width,
      int intermediate,
      int context,
      int vocabulary,
      double ropeTheta,
      boolean tied,
      double dropout) {
    return new ModelSection(
        ModelSection.Kind.LLAMA,
        layers,
        heads,
        keyValueHeads,
        width,
        intermediate,
        context,
        vocabulary,
        ropeTheta,
        tied,
        true,
        List.of(),
        List.of(),
        5,
        1,
        0,
        dropout,
        0,
        0);
  }

  private static ModelSection images(
      ModelSection.Kind kind,
      List<Integer> hidden,
      List<Integer> channels,
      int kernel,
      int imageChannels,
      int imageHeight) {
    return new ModelSection(
        kind,
        0,
        0,
        0,
        0,
        0,
        0,
        256,
        10_000,
        false,
        true,
        hidden,
        channels,
        kernel,
        imageChannels,
        imageHeight,
        0,
        0,
        0);
  }

  @Test
  void data() {
    assertEquals(
        new DataSection(DataSection.Kind.DIGITS, "", "", 0.1, 60000, 10000),
        Configs.minimal().data());
    assertEquals(
        new DataSection(DataSection.Kind.DIGITS, "", "", 0.1, 7, 3),
        Configs.minimalWith("data", "{kind: digits, samples: 7, validationSamples: 3}").data());
    assertEquals(
        new DataSection(DataSection.Kind.TEXT, "a.txt", "", 0.1, 60000, 10000),
        Configs.gpt().data());
    String hash = "0123456789".repeat(6) + "0123";
    assertEquals(
        new DataSection(DataSection.Kind.TEXT, "b", hash, 0.25, 60000, 10000),
        Configs.gptWith("data", "{kind: text, path: b, sha256: " + hash + ", validation: 0.25}")
            .data());
    assertEquals(
        new DataSection(DataSection.Kind.IDX, "/mnist", "", 0.1, 60000, 10000),
        Configs.minimalWith("data", "{kind: idx, path: /mnist}").data());
  }

  @Test
  void batch() throws Exception {
    check(
        new BatchSection(8, 1, 8, BatchSection.Reduction.TREE),
        Configs.minimal().batch(),
        new BatchSection(24, 3, 4, BatchSection.Reduction.RANK),
        Configs.minimalWith("batch", "{global: 24, micro: 3, groups: 4, reduction: rank}").batch());
    assertEquals(6, new BatchSection(24, 3, 4, BatchSection.Reduction.TREE).samplesPerGroup());
    assertEquals(2, new BatchSection(24, 3, 4, BatchSection.Reduction.TREE).microBatchesPerGroup());
  }

  @Test
  void parallel() throws Exception {
    ParallelSection defaults =
        new ParallelSection(1, 0, 1, 1, 1, false, 0, ScheduleKind.ONE_FORWARD_ONE_BACKWARD);
    ParallelSection given = new ParallelSection(2, 2, 4, 2, 1, true, 3, ScheduleKind.GPIPE);
    assertEquals(defaults, Configs.gpt().parallel());
    assertEquals(
        given,
        Configs.gpt(
                "workers=32",
                "parallel={pipeline: 2, data: 2, context: 4, tensor: 2, sequence: true, zero: 3,"
                    + " schedule: gpipe}")
            .parallel());
    assertEquals(
        ScheduleKind.INTERLEAVED,
        Configs.gpt("parallel.schedule=interleaved").parallel().schedule());
    // No model has experts yet, so that a whole configuration can only say 1.
    check(
        defaults,
        Configs.gpt().parallel(),
        new ParallelSection(2, 2, 4, 2, 2, true, 3, ScheduleKind.GPIPE),
        new ParallelSection(2, 2, 4, 2, 2, true, 3, ScheduleKind.GPIPE));
    assertEquals(new Mesh(1, 2, 1, 1), Configs.gpt().mesh());
    assertEquals(new Mesh(1, 1, 1, 2), Configs.gpt("parallel.tensor=2").mesh());
  }

  @Test
  void optimizer() {
    assertEquals(
        new OptimizerSection(
            Kind.ADAMW,
            1e-3,
            0.9,
            0.95,
            1e-8,
            0.1,
            0.9,
            false,
            -0.8,
            1e-3,
            1,
            true,
            1.0,
            List.of()),
        Configs.minimal().optimizer());
    assertEquals(
        new OptimizerSection(
            Kind.ADAMW, 3e-4, 0.8, 0.999, 1e-6, 0, 0.9, false, -0.8, 1e-3, 1, true, 0.5, List.of()),
        optimizer(
            "{kind: adamw, learningRate: 3e-4, beta1: .8, beta2: 0.999, epsilon: 1e-6, weightDecay:"
                + " 0, clip: 0.5}"));
    assertEquals(
        new OptimizerSection(
            Kind.SGD, 0.1, 0.9, 0.95, 1e-8, 0.01, 0.5, true, -0.8, 1e-3, 1, true, 0.0, List.of()),
        optimizer(
            "{kind: sgd, learningRate: 0.1, weightDecay: 0.01, momentum: 0.5, nesterov: true, clip:"
                + " 0}"));
  }

  private static OptimizerSection optimizer(String keys) {
    RunConfig config = Configs.minimalWith("optimizer", keys);
    assertEquals(config, ConfigLoader.load("x.yaml", ConfigLoader.toYaml(config), List.of()));
    return config.optimizer();
  }

  @Test
  void lion() {
    assertEquals(
        new OptimizerSection(
            Kind.LION, 1e-4, 0.9, 0.99, 1e-8, 1, 0.9, false, -0.8, 1e-3, 1, true, 1.0, List.of()),
        optimizer("lion"));
    assertEquals(
        new OptimizerSection(
            Kind.LION, 3e-4, 0.8, 0.9, 1e-8, 2, 0.9, false, -0.8, 1e-3, 1, true, 1.0, List.of()),
        optimizer("{kind: lion, learningRate: 3e-4, beta1: 0.8, beta2: 0.9, weightDecay: 2}"));
  }

  @Test
  void adafactor() {
    assertEquals(
        new OptimizerSection(
            Kind.ADAFACTOR,
            0.01,
            0.9,
            0.95,
            0x1p-23,
            0,
            0.9,
            false,
            -0.8,
            1e-3,
            1,
            true,
            1.0,
            List.of()),
        optimizer("adafactor"));
    assertEquals(
        new OptimizerSection(
            Kind.ADAFACTOR,
            0.02,
            0.9,
            0.95,
            1e-9,
            0.5,
            0.9,
            false,
            -0.7,
            0.01,
            2,
            false,
            1.0,
            List.of()),
        optimizer(
            "{kind: adafactor, learningRate: 0.02, epsilon: 1e-9, weightDecay: 0.5, beta2Decay:"
                + " -0.7, minimumScale: 0.01, updateClip: 2, relativeStep: false}"));
  }

  @Test
  void muon() {
    assertEquals(
        new OptimizerSection(
            Kind.MUON, 1e-3, 0.9, 0.95, 1e-8, 0.1, 0.95, true, -0.8, 1e-3, 1, true, 1.0, List.of()),
        optimizer("muon"));
    assertEquals(
        new OptimizerSection(
            Kind.MUON, 1e-2, 0.8, 0.9, 1e-7, 0, 0.9, false, -0.8, 1e-3, 1, true, 1.0, List.of()),
        optimizer(
            "{kind: muon, learningRate: 1e-2, beta1: 0.8, beta2: 0.9, epsilon: 1e-7, weightDecay:"
                + " 0, momentum: 0.9, nesterov: false}"));
  }

  @Test
  void groups() {
    assertEquals(
        List.of(
            new GroupSection("*.bias", 1, OptionalDouble.empty(), false, GroupSection.Rule.AUTO),
            new GroupSection("a?", 0.5, OptionalDouble.of(0), true, GroupSection.Rule.ADAMW)),
        optimizer(
                "{kind: muon, groups: [{match: '*.bias'}, {match: 'a?', learningRateScale: 0.5,"
                    + " weightDecay: 0, frozen: true, rule: adamw}]}")
            .groups());
    assertEquals(
        "x",
        Configs.minimal("optimizer.groups=[{match: x}]").optimizer().groups().getFirst().match());
    refused("did you mean optimizer.groups.match", "{groups: [{mach: x}]}");
    refused("optimizer.groups.match is missing", "{groups: [{frozen: true}]}");
    refused("it must be a list of mappings", "{groups: {match: x}}");
    refused("it must be a list of mappings", "{groups: ['x']}");
    refused("only for optimizer.kind muon", "{groups: [{match: x, rule: muon}]}");
    refused(
        "optimizer.groups.learningRateScale is 0", "{groups: [{match: x, learningRateScale: 0}]}");
  }

  private static void refused(String part, String keys) {
    ConfigException refusal = assertThrows(ConfigException.class, () -> optimizer(keys));
    assertTrue(refusal.getMessage().contains(part), refusal.getMessage());
  }

  @Test
  void patterns() {
    GroupSection group =
        new GroupSection("h.*.c_?c.*", 1, OptionalDouble.empty(), false, GroupSection.Rule.AUTO);
    assertTrue(group.matches("h.0.mlp.c_fc.weight"));
    assertTrue(!group.matches("h.0.mlp.c_proj.weight"));
    assertTrue(!group.matches("xh.0.mlp.c_fc.weight"));
    List<String> names = List.of("wte.weight", "h.0.mlp.c_fc.weight", "ln_f.weight", "ln_f.bias");
    assertEquals("ln_f.bias", nearest("ln_g.bias", names));
    assertEquals("ln_f.bias", nearest("*.biass", names));
    assertEquals("h.0.mlp.c_fc.weight", nearest("h.*.cfc.weight", names));
  }

  private static String nearest(String match, List<String> names) {
    return new GroupSection(match, 1, OptionalDouble.empty(), false, GroupSection.Rule.AUTO)
        .nearest(names);
  }

  @Test
  void lossScale() throws Exception {
    check(
        new LossScaleSection(0, 2000),
        Configs.minimal().lossScale(),
        new LossScaleSection(65536, 100),
        Configs.minimalWith("lossScale", "{initial: 65536, growthInterval: 100}").lossScale());
    assertEquals(1024, Configs.minimal("lossScale=1024").lossScale().initial());
    ConfigException refusal =
        assertThrows(ConfigException.class, () -> Configs.minimal("lossScale=1000"));
    assertTrue(refusal.getMessage().contains("a power of two"), refusal.getMessage());
  }

  @Test
  void schedule() {
    assertEquals(
        new ScheduleSection(ScheduleSection.Kind.COSINE, 0, 0, 0.1, 5),
        Configs.minimal().schedule());
    assertEquals(
        new ScheduleSection(ScheduleSection.Kind.WSD, 3, 4, 0.5, 100),
        Configs.minimalWith("schedule", "{kind: wsd, warmup: 3, decay: 4, floor: 0.5, steps: 100}")
            .schedule());
    assertEquals(
        new ScheduleSection(ScheduleSection.Kind.CONSTANT, 2, 0, 0.1, 5),
        Configs.minimalWith("schedule", "{kind: constant, warmup: 2}").schedule());
  }

  @Test
  void train() {
    assertEquals(new TrainSection(5, Precision.F32), Configs.minimal().train());
    assertEquals(
        new TrainSection(1_000_000, Precision.BF16),
        Configs.minimalWith("train", "{steps: 1_000_000, precision: bf16}").train());
  }

  @Test
  void evaluate() throws Exception {
    check(
        new EvaluateSection(0, 0), Configs.minimal().evaluate(),
        new EvaluateSection(10, 20),
            Configs.minimalWith("evaluate", "{every: 10, samples: 20}").evaluate());
  }

  @Test
  void checkpoint() throws Exception {
    check(
        new CheckpointSection(0, 2), Configs.minimal().checkpoint(),
        new CheckpointSection(10, 1),
            Configs.minimalWith("checkpoint", "{every: 10, keep: 1}").checkpoint());
  }

  @Test
  void workers() throws Exception {
    check(
        new WorkersSection(
            2, 1, ByteSize.mebibytes(2048), Duration.ofSeconds(1), 3, Duration.ofSeconds(60)),
        Configs.minimal().workers(),
        new WorkersSection(
            8, 3, ByteSize.mebibytes(1536), Duration.ofMillis(250), 5, Duration.ofMinutes(2)),
        Configs.minimalWith(
                "workers",
                "{count: 8, threads: 3, memory: 1.5g, heartbeat: 250ms, lostAfter: 5, startTimeout:"
                    + " 2m}")
            .workers());
    assertEquals(8, Configs.minimal("workers=8").workers().count());
  }

  @Test
  void transport() throws Exception {
    check(
        new TransportSection(TransportSection.Kind.AUTO, 8192, 0, false),
        Configs.minimal().transport(),
        new TransportSection(TransportSection.Kind.UDP, 1408, 40123, true),
        Configs.minimalWith(
                "transport", "{kind: udp, mtu: 1408, controlPort: 40123, encryption: true}")
            .transport());
    assertEquals(
        TransportSection.Kind.UDP, Configs.minimalWith("transport", "udp").transport().kind());
  }

  @Test
  void log() throws Exception {
    check(
        new LogSection(10),
        Configs.minimal().log(),
        new LogSection(1),
        Configs.minimalWith("log", "{every: 1}").log());
  }

  @Test
  void generate() throws Exception {
    check(
        new GenerateSection("\n", 0, 0.8, 0),
        Configs.gpt().generate(),
        new GenerateSection("a: \"b\" ü😀", 200, 0.0, 40),
        Configs.gptWith(
                "generate", "{prompt: 'a: \"b\" ü😀', length: 200, temperature: 0, topK: 40}")
            .generate());
  }

  @Test
  void spark() throws Exception {
    check(
        new SparkSection("", Map.of()),
        Configs.minimal().spark(),
        new SparkSection("spark://host:7077", Map.of("spark.a", "1", "spark.b.c", "true")),
        Configs.minimalWith(
                "spark", "{master: 'spark://host:7077', conf: {spark.a: 1, spark.b.c: true}}")
            .spark());
    assertEquals(
        Map.of("spark.x.y", "a=b"), Configs.minimal("spark.conf.spark.x.y=a=b").spark().conf());
  }
}
