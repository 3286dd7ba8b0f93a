package dev.bellows.trainer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.tensor.Tensor;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.RunReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real session of one worker against its plan.
class SessionBytesTest {
  @TempDir private Path folder;

  @Test
  void aSessionHoldsWhatIsPlanned() throws Exception {
    AtomicLong values = new AtomicLong();
    AtomicLong gradients = new AtomicLong();
    LocalRun run =
        LocalRun.gpt(folder.resolve("run"))
            .with("workers=1", "evaluate.every=0")
            .models(
                PlantedModel.in(
                    0,
                    2,
                    model -> {
                      values.set(span(model, false));
                      gradients.set(span(model, true));
                    }));
    assertEquals(RunReport.Outcome.FINISHED, run.run().report().outcome());
    RunConfig config = run.config();
    DeviceBytes plan = Plans.of(config).bytes(0, 0, 0);
    assertEquals(plan.parameters(), values.get());
    assertEquals(plan.gradients(), gradients.get());
    long peak = peak(folder.resolve("run/metrics.jsonl"));
    long least = plan.parameters() + plan.gradients() + plan.partialSums() / 2 + plan.optimizer();
    assertTrue(peak >= least, "a peak of " + peak + " bytes is less than " + least);
    assertTrue(peak <= 2 * plan.total(), "a peak of " + peak + " bytes is far from " + plan);
  }

  /// Bytes from the first parameter's start to the end of the last, as they lie in the store's flat buffer.
  private static long span(Model model, boolean gradient) {
    List<Parameter> primaries =
        model.parameters().stream().filter(parameter -> !parameter.isTied()).toList();
    Parameter last = gradient ? model.parameters().getLast() : primaries.getLast();
    Tensor start = gradient ? primaries.getFirst().gradient() : primaries.getFirst().value();
    Tensor end = gradient ? last.gradient() : last.value();
    return end.segment().address()
        - start.segment().address()
        + Float.BYTES * ParameterStore.placed(end.elements());
  }

  private static long peak(Path metrics) throws Exception {
    Matcher matcher =
        Pattern.compile("\"memory_peak_bytes\":(\\d+)").matcher(Files.readString(metrics));
    long peak = 0;
    while (matcher.find()) {
      peak = Math.max(peak, Long.parseLong(matcher.group(1)));
    }
    return peak;
  }
}
