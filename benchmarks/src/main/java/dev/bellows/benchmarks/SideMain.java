package dev.bellows.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
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
import java.util.Map;

/// The child process of a comparison: one [TrainingSide] that obeys lines on standard input.
///
/// Commands: `describe`, `steps N`, `rate NANOSECONDS`, `memory`, `allocation N`, `footprint`, `profile` (start counting anew), `quit`. Each answer is one line that
/// starts with [#MARK]; other lines are the libraries' own. Between commands the process sleeps in a read and takes no core from its peers. It
/// ends with its parent (end of file); its exit code is 1 when closing found leaked buffers.
final class SideMain {
  /// What an answer starts with.
  static final String MARK = "@side ";

  /// The answer to `quit` when nothing leaked; otherwise the complaint.
  static final String CLOSED = "closed";

  private static final OperatingSystemMXBean PROCESS =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final TrainingSide side;
  private final PrintStream out;

  private SideMain(TrainingSide side, PrintStream out) {
    this.side = side;
    this.out = out;
  }

  /// Arguments: `side=bellows|libtorch model=gpt|mlp shape=… inputs=FOLDER threads=N precision=fp32|bf16` and the side's own.
  public static void main(String[] arguments) throws IOException {
    Map<String, String> options = new HashMap<>();
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      options.put(parts[0], parts[1]);
    }
    SideMain main = new SideMain(open(options), System.out);
    main.serve();
    System.exit(main.end());
  }

  private static TrainingSide open(Map<String, String> options) throws IOException {
    ModelShape shape = ModelShape.parse(options.get("model"), options.get("shape"));
    EngineInputs inputs = new EngineInputs(shape, Path.of(options.get("inputs")));
    int threads = Integer.parseInt(options.get("threads"));
    String side = options.get("side");
    return switch (side) {
      case "libtorch" ->
          new LibtorchSide(
              shape, inputs, threads, LibtorchOptions.parse(options), Update.BENCHMARK);
      case "bellows" -> {
        SidePrecision precision = SidePrecision.parse(options.getOrDefault("precision", "fp32"));
        Backend backend = Backends.open(options.get("backend"), BackendOptions.threads(threads));
        int micro = Integer.parseInt(options.get("micro"));
        ProfiledSide.Opener opener =
            on -> new BellowsSide(shape, inputs, on, micro, precision, Update.BENCHMARK);
        String profile = options.get("profile");
        yield profile == null
            ? opener.open(backend)
            : ProfiledSide.open(backend, Path.of(profile), opener);
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

  /// Closes the side and returns the exit code.
  private int end() {
    try {
      side.close();
      answer(CLOSED);
      return 0;
    } catch (IllegalStateException leak) {
      answer(leak.getMessage());
      return 1;
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
      case "rate" -> Double.toString(side.productRate(Long.parseLong(command[1])));
      case "allocation" -> allocation(Integer.parseInt(command[1]));
      case "footprint" -> footprint();
      case "profile" -> {
        ((ProfiledSide) side).reset();
        yield "reset";
      }
      case "memory" -> Long.toString(resident("VmHWM:"));
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

  /// `heap bytes:native buffers`, allocated by all threads in `count` steps together.
  private String allocation(int count) {
    long nativeBefore = side.nativeAllocations();
    long heapBefore = THREADS.getTotalThreadAllocatedBytes();
    for (int i = 0; i < count; i++) {
      side.step();
    }
    long heap = THREADS.getTotalThreadAllocatedBytes() - heapBefore;
    return heap + ":" + (side.nativeAllocations() - nativeBefore);
  }

  /// `heap bytes after a collection:resident bytes`.
  private static String footprint() throws IOException {
    // The second collection takes what the first one's reference processing let go.
    System.gc();
    System.gc();
    long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    return heap + ":" + resident("VmRSS:");
  }

  /// A size of this process, in bytes, as the operating system counts it: `VmHWM:` the largest resident size so far, `VmRSS:` the present one.
  private static long resident(String key) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(key)) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
      }
    }
    throw new IOException(
        "/proc/self/status has no line " + key + " so the memory of this process is unknown");
  }
}
