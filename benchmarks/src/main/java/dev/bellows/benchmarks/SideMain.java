package dev.bellows.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The child process of a comparison: one [TrainingSide] that obeys lines on standard input.
///
/// Commands: `describe`, `steps N`, `rate`, `memory`, `profile` (start counting anew), `quit`. Each answer is one line that starts with [#MARK]; other lines are the
/// libraries' own. Between commands the process sleeps in a read and takes no core from its peer. It ends with its parent (end of file).
final class SideMain {
  /// What an answer starts with.
  static final String MARK = "@side ";

  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final TrainingSide side;
  private final PrintStream out;

  private SideMain(TrainingSide side, PrintStream out) {
    this.side = side;
    this.out = out;
  }

  /// Arguments: `side=bellows|libtorch shape=… inputs=FOLDER threads=N` and the side's own.
  public static void main(String[] arguments) throws IOException {
    Map<String, String> options = new HashMap<>();
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      options.put(parts[0], parts[1]);
    }
    try (TrainingSide side = open(options)) {
      new SideMain(side, System.out).serve();
    }
  }

  private static TrainingSide open(Map<String, String> options) throws IOException {
    GptShape shape = GptShape.parse(options.get("shape"), GptShape.SMALL);
    EngineInputs inputs = new EngineInputs(shape, Path.of(options.get("inputs")));
    int threads = Integer.parseInt(options.get("threads"));
    String side = options.get("side");
    return switch (side) {
      case "libtorch" -> {
        boolean fusedAttention = options.get("attention").equals("fused");
        boolean fusedAdamW = options.get("adamw").equals("fused");
        yield new LibtorchGpt(
            shape, inputs, threads, new LibtorchOptions(Map.of(), fusedAttention, fusedAdamW));
      }
      case "bellows" -> {
        Backend backend = Backends.open(options.get("backend"), BackendOptions.threads(threads));
        int micro = Integer.parseInt(options.get("micro"));
        String profile = options.get("profile");
        yield profile == null
            ? new BellowsGpt(shape, inputs, backend, micro)
            : ProfiledSide.open(
                backend, Path.of(profile), timed -> new BellowsGpt(shape, inputs, timed, micro));
      }
      default ->
          throw new IllegalArgumentException(
              "there is no side called " + side + "; known are bellows and libtorch");
    };
  }

  private void serve() throws IOException {
    answer("ready");
    BufferedReader commands =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line;
    while ((line = commands.readLine()) != null && !line.equals("quit")) {
      answer(obey(line.split(" ")));
    }
  }

  private void answer(String text) {
    out.println(MARK + text);
    out.flush();
  }

  private String obey(String[] command) throws IOException {
    return switch (command[0]) {
      case "describe" -> side.description();
      case "steps" -> steps(Integer.parseInt(command[1]));
      case "rate" -> Double.toString(side.productRate());
      case "profile" -> {
        ((ProfiledSide) side).reset();
        yield "reset";
      }
      case "memory" -> Long.toString(peakMemory());
      default ->
          throw new IllegalArgumentException("a side does not know the command " + command[0]);
    };
  }

  /// `milliseconds:processor milliseconds:loss` for each step.
  private String steps(int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      long processorStart = PROCESS.getProcessCpuTime();
      long start = System.nanoTime();
      double loss = side.step();
      double millis = (System.nanoTime() - start) / 1e6;
      double processorMillis = (PROCESS.getProcessCpuTime() - processorStart) / 1e6;
      text.append(i == 0 ? "" : " ")
          .append(millis)
          .append(':')
          .append(processorMillis)
          .append(':')
          .append(loss);
    }
    return text.toString();
  }

  /// Largest resident size of this process so far, in bytes, as the operating system counts it.
  private static long peakMemory() throws IOException {
    List<String> status = Files.readAllLines(Path.of("/proc/self/status"));
    for (String line : status) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new IOException(
        "/proc/self/status has no line VmHWM, so the peak memory of this process is unknown");
  }
}
