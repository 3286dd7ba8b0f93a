package dev.bellows.benchmarks;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The parent's handle of one [SideMain] process. Threads: one at a time; each call waits for its answer.
final class SideProcess implements AutoCloseable {
  /// Steps that were run.
  ///
  /// @param millis duration of each
  /// @param processorMillis processor time of each, all threads of the process together
  /// @param losses mean loss of each, before its update
  record Steps(double[] millis, double[] processorMillis, double[] losses) {}

  /// What steps allocated, all of them together.
  ///
  /// @param steps how many
  /// @param heapBytes bytes on the Java heap, all threads
  /// @param nativeBuffers native buffers that came from the operating system
  record Allocation(int steps, long heapBytes, long nativeBuffers) {
    double heapBytesPerStep() {
      return (double) heapBytes / steps;
    }
  }

  /// Memory of the process at one moment.
  ///
  /// @param heapBytes Java heap in use after a full collection
  /// @param residentBytes resident size, as the operating system counts it
  record Footprint(long heapBytes, long residentBytes) {}

  private final String name;
  private final Process process;
  private final BufferedWriter commands;
  private final BufferedReader answers;
  private final Path log;
  private boolean ended;

  private SideProcess(String name, Process process, Path log) {
    this.name = name;
    this.process = process;
    this.log = log;
    this.commands = process.outputWriter(StandardCharsets.UTF_8);
    this.answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /// Starts the side `name` and waits until it has loaded its weights. What it prints goes to `log`.
  static SideProcess start(
      String name,
      List<String> jvmFlags,
      List<String> arguments,
      Map<String, String> environment,
      Path log)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(jvmFlags);
    command.addAll(
        List.of(
            "-cp",
            System.getProperty("java.class.path"),
            SideMain.class.getName(),
            "side=" + name));
    command.addAll(arguments);
    Files.createDirectories(log.toAbsolutePath().getParent());
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
    builder.environment().putAll(environment);
    SideProcess side = new SideProcess(name, builder.start(), log);
    try {
      side.answer();
      return side;
    } catch (IOException | RuntimeException e) {
      side.close();
      throw e;
    }
  }

  private String ask(String command) {
    try {
      commands.write(command);
      commands.newLine();
      commands.flush();
      return answer();
    } catch (IOException e) {
      throw new UncheckedIOException(
          "the " + name + " side ended during '" + command + "'; its log is " + log, e);
    }
  }

  private String answer() throws IOException {
    String line;
    while ((line = answers.readLine()) != null) {
      if (line.startsWith(SideMain.MARK)) {
        return line.substring(SideMain.MARK.length());
      }
      Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
    throw new IOException("the " + name + " side closed its output; its log is " + log);
  }

  /// Runs `count` steps.
  Steps steps(int count) {
    String[] parts = ask("steps " + count).split(" ");
    double[] millis = new double[count];
    double[] processorMillis = new double[count];
    double[] losses = new double[count];
    for (int i = 0; i < count; i++) {
      String[] numbers = parts[i].split(":");
      millis[i] = Double.parseDouble(numbers[0]);
      processorMillis[i] = Double.parseDouble(numbers[1]);
      losses[i] = Double.parseDouble(numbers[2]);
    }
    return new Steps(millis, processorMillis, losses);
  }

  /// The side's own matrix-product rate in its precision, GFLOP/s, from loops of at least `loopMillis`.
  double productRate(int loopMillis) {
    return Double.parseDouble(ask("rate " + loopMillis * 1_000_000L));
  }

  /// Peak resident bytes so far.
  long peakMemory() {
    return Long.parseLong(ask("memory"));
  }

  /// What `count` further steps allocate.
  Allocation allocation(int count) {
    String[] numbers = ask("allocation " + count).split(":");
    return new Allocation(count, Long.parseLong(numbers[0]), Long.parseLong(numbers[1]));
  }

  /// Present memory, after a collection.
  Footprint footprint() {
    String[] numbers = ask("footprint").split(":");
    return new Footprint(Long.parseLong(numbers[0]), Long.parseLong(numbers[1]));
  }

  /// Versions, instruction set, threads.
  String description() {
    return ask("describe");
  }

  /// Forgets the operation times counted so far; for a side that was started with a profile file, which it writes when it closes.
  void resetProfile() {
    ask("profile");
  }

  /// Closes the side and returns its complaint about leaked buffers, if it has one.
  Optional<String> end() {
    String outcome = ask("quit");
    ended = true;
    await();
    return outcome.equals(SideMain.CLOSED) ? Optional.empty() : Optional.of(outcome);
  }

  @Override
  public void close() {
    if (ended) {
      return;
    }
    ended = true;
    try {
      commands.write("quit\n");
      commands.flush();
    } catch (IOException e) {
      // It has ended already; there is nobody left to tell.
    }
    await();
  }

  private void await() {
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
