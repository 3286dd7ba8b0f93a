package dev.bellows.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The machine, the Java and the sources that a result was measured with.
final class Environment {
  private static final Pattern LIBRARY =
      Pattern.compile("(pytorch|openblas|dnnl|javacpp|jmh-core)-(\\d[^/]*?)(?:-linux.*)?\\.jar");

  private Environment() {}

  /// The project's folder: system property `bellows.home`, else variable BELLOWS_HOME, else the nearest folder upwards that holds jvm.options.
  /// Errors: [IllegalStateException] when there is none.
  static Path home() {
    String named = System.getProperty("bellows.home", System.getenv("BELLOWS_HOME"));
    if (named != null) {
      return Path.of(named);
    }
    for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
      if (Files.exists(folder.resolve("jvm.options"))) {
        return folder;
      }
    }
    throw new IllegalStateException(
        "no folder from here upwards holds jvm.options; set BELLOWS_HOME to the project's folder");
  }

  /// The flags every JVM of ours starts with.
  static List<String> jvmFlags() throws IOException {
    return Files.readAllLines(home().resolve("jvm.options")).stream()
        .map(String::strip)
        .filter(line -> line.startsWith("-"))
        .toList();
  }

  /// Instruction-set flags of the first processor, as Linux lists them.
  static Set<String> instructionSets() throws IOException {
    return new TreeSet<>(List.of(cpuInfo("flags").split(" ")));
  }

  private static String cpuInfo(String key) throws IOException {
    try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse("unknown");
    }
  }

  /// Everything, ready for a JSON record.
  static Map<String, Object> describe() throws IOException {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("time", Instant.now().toString());
    facts.put("processor", cpuInfo("model name"));
    facts.put("processorFamily", cpuInfo("cpu family") + "/" + cpuInfo("model\t"));
    facts.put("cores", Runtime.getRuntime().availableProcessors());
    facts.put(
        "instructionSets",
        String.join(
            " ",
            instructionSets().stream().filter(flag -> flag.matches("avx.*|amx.*|fma")).toList()));
    facts.put("memory", firstLine(Path.of("/proc/meminfo")).replaceAll(" +", " "));
    facts.put("load", firstLine(Path.of("/proc/loadavg")));
    facts.put("system", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    facts.put(
        "jdk", System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version"));
    facts.put("libraries", libraries());
    facts.put("commit", commit());
    return facts;
  }

  /// Load average of the last minute: runnable threads of all processes.
  static double load() throws IOException {
    return Double.parseDouble(firstLine(Path.of("/proc/loadavg")).split(" ")[0]);
  }

  /// Both sides' threads wait for each other at every product, so one busy neighbour costs more than its share.
  static void warnWhenBusy(PrintStream out) throws IOException {
    double load = load();
    if (load > 0.5) {
      out.println(
          "the machine is busy (load "
              + load
              + " before the start): the numbers below say little; repeat them on an idle machine");
    }
  }

  private static String firstLine(Path file) throws IOException {
    try (var lines = Files.lines(file)) {
      return lines.findFirst().orElse("");
    }
  }

  private static List<String> libraries() {
    Set<String> found = new TreeSet<>();
    Matcher matcher = LIBRARY.matcher(System.getProperty("java.class.path"));
    while (matcher.find()) {
      found.add(matcher.group(1) + " " + matcher.group(2));
    }
    return new ArrayList<>(found);
  }

  /// The commit of the sources, with a `+` when files differ from it; `unknown` outside of a Git clone.
  private static String commit() {
    String head = git("rev-parse", "HEAD");
    return head.isEmpty()
        ? "unknown"
        : head + (git("status", "--porcelain", "--untracked-files=no").isEmpty() ? "" : "+");
  }

  private static String git(String... arguments) {
    List<String> command = new ArrayList<>(List.of("git", "-C", home().toString()));
    command.addAll(List.of(arguments));
    try {
      Process process =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      String text =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      return process.waitFor() == 0 ? text : "";
    } catch (IOException e) {
      return "";
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "";
    }
  }
}
