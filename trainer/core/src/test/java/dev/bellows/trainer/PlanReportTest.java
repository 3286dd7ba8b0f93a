package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.trainer.config.RunConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class PlanReportTest {
  private static List<String> lines(boolean all, RunConfig config) {
    return PlanReport.lines(Plans.of(config), MachineProfile.of(config, 0, 0), all);
  }

  private static RunConfig llama() {
    return Plans.text(
        Plans.TIED_LLAMA,
        "workers=8",
        "parallel={pipeline: 2, tensor: 2, zero: 1}",
        "workers.threads=2");
  }

  private static void assertLine(List<String> lines, String expected) {
    assertTrue(
        lines.stream().anyMatch(line -> line.replaceAll(" {2,}", "  ").equals(expected)),
        () -> "no line '" + expected + "' in\n" + String.join("\n", lines));
  }

  @Test
  void saysWhoHoldsWhat() {
    List<String> lines = lines(false, llama());
    assertLine(lines, "mesh  8 workers = pipeline 2 · data 2 · context 1 · tensor 2");
    assertLine(lines, "stage 0  ranks 0 to 3: layers 0 to 1 and what lies before them");
    assertLine(lines, "stage 1  ranks 4 to 7: layers 2 to 3 and what lies behind them");
    assertLine(lines, "schedule  1f1b, 8 micro-batches a step and data rank, bubble 11.1 %");
    assertLine(
        lines, "batch tree  8 groups; a data rank sends 1 term and holds at most 3 partial sums");
    assertLine(
        lines,
        "model.embed_tokens.weight  1  [259, 64]  vocabulary  0, 1  [130, 64], the last ones [129,"
            + " 64]");
    assertLine(
        lines, "model.layers.*.self_attn.qkv_proj.weight  4  [96, 64]  heads  0, 1  [48, 64]");
    assertLine(lines, "model.norm.weight  1  [64]  replicated  1  all of it");
    assertEquals(
        2,
        lines.stream()
            .filter(line -> line.contains("(chosen)") && line.contains("stage 1"))
            .count());
  }

  @Test
  void saysEveryRankWhenAsked() {
    List<String> lines = lines(true, llama());
    assertLine(
        lines,
        "rank 5  pipeline 1 of ranks [1, 5]  data 0 of ranks [5, 7]  context 0 of ranks [5]  tensor"
            + " 1 of ranks [4, 5]");
    assertLine(
        lines,
        "model.layers.3.self_attn.qkv_proj.weight  1  [96, 64]  heads  1  0: rows 0 to 31 and 64 to"
            + " 71 and 80 to 87; 1: rows 32 to 63 and 72 to 79 and 88 to 95");
    assertLine(
        lines,
        "model.layers.0.self_attn.o_proj.weight  1  [64, 64]  inputs  0  0: columns 0 to 31; 1:"
            + " columns 32 to 63");
  }

  @Test
  void statesWhatItAssumes() {
    assertLine(
        lines(false, llama()),
        "assumed  186 GFLOP/s a worker (`bellows bench engine` on an AMD EPYC in f32, 2 of its"
            + " threads), 5 GB/s sent by a worker (all-reduce of 16 MiB over shared memory on the"
            + " same machine)");
    RunConfig config = llama();
    assertEquals(
        "1000 GFLOP/s a worker (given), 12.5 GB/s sent by a worker (given)",
        MachineProfile.of(config, 1000, 12.5).source());
    assertThrows(IllegalArgumentException.class, () -> MachineProfile.of(config, -1, 0));
  }

  @Test
  void saysWhenTheMemoryIsTooLittle() {
    RunConfig small = Plans.text(Plans.GPT, "workers.memory=512MiB");
    assertTrue(String.join("\n", lines(false, small)).contains("workers.memory is 512.0 MiB\n"));
    RunConfig large =
        Plans.text(
            "{kind: gpt, layers: 12, heads: 12, width: 768, context: 256}",
            "workers.memory=512MiB");
    assertTrue(
        String.join("\n", lines(false, large)).contains("workers.memory is 512.0 MiB: TOO LITTLE"));
  }
}
