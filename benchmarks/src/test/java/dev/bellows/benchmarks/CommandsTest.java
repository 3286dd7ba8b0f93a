package dev.bellows.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Each benchmark runs from its command line to its record, at sizes that measure nothing.
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CommandsTest {
  private static final boolean CPU_HAS_BF16 = cpuHasBf16();

  @TempDir Path folder;

  static boolean cpuHasBf16() {
    try (Backend backend = Backends.open("cpu", BackendOptions.threads(1))) {
      return backend.productTypes().contains(DType.BF16);
    }
  }

  private List<Map<String, String>> run(int expectedCode, String... arguments) {
    List<String> all = new ArrayList<>(Arrays.asList(arguments));
    all.addAll(List.of("--output", folder.toString()));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    int code = Benchmarks.run(all.toArray(String[]::new), out, out);
    String text = bytes.toString(StandardCharsets.UTF_8);
    assertEquals(expectedCode, code, text);
    String mark = "BENCH " + arguments[0] + " ";
    return text.lines()
        .filter(line -> line.startsWith(mark))
        .map(line -> values(line.substring(mark.length())))
        .toList();
  }

  private static Map<String, String> values(String line) {
    Map<String, String> values = new LinkedHashMap<>();
    for (String pair : line.split(" ")) {
      String[] parts = pair.split("=", 2);
      values.put(parts[0], parts[1]);
    }
    return values;
  }

  private JsonNode record(String benchmark) throws IOException {
    try (var files = Files.list(folder)) {
      Path file =
          files
              .filter(path -> path.getFileName().toString().matches(benchmark + "-.*\\.json"))
              .findFirst()
              .orElseThrow();
      return new ObjectMapper().readTree(file.toFile());
    }
  }

  private static double number(Map<String, String> line, String key) {
    return Double.parseDouble(line.get(key));
  }

  @Test
  void mlpComparesTheSidesAndCountsWhatAStepAllocates() throws IOException {
    Map<String, String> line =
        run(
                0,
                "mlp",
                "--shape=inputs=12,width=16,classes=4,batch=8",
                "--precision=" + (CPU_HAS_BF16 ? "both" : "fp32"),
                "--calibration=0",
                "--rate-millis=1",
                "--kernels=HASWELL",
                "--alternations=2",
                "--steps=2",
                "--warmup=20")
            .getFirst();
    assertTrue(number(line, "mlp_ratio") > 0, line::toString);
    assertTrue(number(line, "rss_ratio") > 0, line::toString);
    if (CPU_HAS_BF16) {
      assertTrue(number(line, "mlp_bf16_ratio") > 0, line::toString);
      assertTrue(line.get("bf16_rival").startsWith("theirs_"), line::toString);
      assertTrue(number(line, "bf16_loss_difference") > 0, line::toString);
    }
    assertTrue(number(line, "heap_bytes_per_step") > 0, line::toString);
    // The pool serves every step after the first ones from what it has.
    assertEquals(0, number(line, "native_allocations_per_step"), line::toString);
    JsonNode record = record("mlp");
    assertTrue(record.at("/fp32/peakShare").asDouble() > 0, record::toString);
    assertEquals(2, record.at("/sides/theirs_fp32/turnsMillis").size());
    assertTrue(record.at("/environment/cores").asInt() > 0, record::toString);
  }

  @Test
  void collectivesSumOverEveryTransportBesideGloo() throws IOException {
    Map<String, String> line =
        run(0, "collectives", "--no-peer", "--rounds=2", "--sizes=64KiB,1MiB", "--volume=1")
            .getLast();
    assertTrue(number(line, "gloo_ratio") > 0, line::toString);
    assertFalse(line.containsKey("ratio_1MiB"), line::toString);
    for (String side : List.of("ipc", "gloo", "udp_65504", "udp_8192", "udp_1408")) {
      assertTrue(number(line, side + "_1MiB_gbps") > 0, line::toString);
    }
    JsonNode record = record("collectives");
    assertEquals("none", record.at("/mpi").asText());
    assertEquals(2, record.at("/sides/ipc/64KiB/nanos").size());
  }

  @Test
  void soakIsFlat() throws IOException {
    Map<String, String> line =
        run(
                0,
                "soak",
                "--shape=layers=1,heads=2,width=16,context=8,batch=2,vocabulary=11",
                "--steps=400",
                "--samples=12",
                // A few hundred tiny steps are still being compiled.
                "--resident-limit=200000000",
                "--heap-limit=20000000")
            .getFirst();
    assertEquals("true", line.get("flat"));
    assertEquals("0", line.get("leaked_buffers"));
    assertEquals(12, record("soak").at("/samples").size());
  }

  @Test
  void soakFailsWhenMemoryGrowsByMoreThanAllowed() {
    Map<String, String> line =
        run(
                1,
                "soak",
                "--shape=layers=1,heads=2,width=16,context=8,batch=2,vocabulary=11",
                "--steps=40",
                "--samples=4",
                "--resident-limit=-1000000000")
            .getFirst();
    assertEquals("false", line.get("flat"));
  }

  @Test
  void everyKernelHasALimit() throws IOException {
    List<Map<String, String>> lines = run(0, "kernels", "--quick");
    assertEquals(
        KernelCatalogue.of(GptShape.SMALL).stream().map(TimedKernel::name).toList(),
        lines.stream().map(line -> line.get("name")).toList());
    JsonNode kernels = record("kernels").at("/kernels");
    assertEquals(lines.size(), kernels.size());
    for (JsonNode kernel : kernels) {
      assertTrue(kernel.get("medianNanos").asDouble() > 0, kernel::toString);
      assertTrue(kernel.get("share").asDouble() > 0, kernel::toString);
    }
  }
}
