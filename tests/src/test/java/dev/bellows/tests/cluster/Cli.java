package dev.bellows.tests.cluster;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/// One real run of `./bellows` in a process group of its own; what it prints is kept. Closing it kills the group.
final class Cli implements AutoCloseable {
  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final Thread reader;
  private final String command;

  private Cli(Process process, String command) {
    this.process = process;
    this.command = command;
    this.reader = Thread.ofVirtual().start(this::read);
  }

  /// The project's root: the folder that holds the launcher.
  static Path home() {
    Path folder = Path.of("").toAbsolutePath();
    while (!new File(folder.toFile(), "bellows").canExecute()) {
      folder = folder.getParent();
      if (folder == null) {
        throw new IllegalStateException("the tests must run inside the project");
      }
    }
    return folder;
  }

  /// Starts `./bellows args` in `folder`.
  static Cli start(Path folder, String... args) throws IOException {
    return start(folder, List.of(), args);
  }

  /// Starts `prefix ./bellows args` in `folder`; the prefix may be `env NAME=VALUE`.
  static Cli start(Path folder, List<String> prefix, String... args) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.add(home().resolve("bellows").toString());
    command.addAll(List.of(args));
    return startAny(folder, command);
  }

  /// Starts any command in a session of its own.
  static Cli startAny(Path folder, List<String> words) throws IOException {
    List<String> command = new ArrayList<>(List.of("setsid"));
    command.addAll(words);
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    builder.environment().put("BELLOWS_NO_BUILD", "1");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    return new Cli(builder.start(), String.join(" ", words));
  }

  /// Runs `./bellows args` in `folder` to its end.
  static Cli run(Path folder, String... args) throws IOException, InterruptedException {
    Cli cli = start(folder, args);
    cli.await(Duration.ofMinutes(4));
    return cli;
  }

  private void read() {
    try (BufferedReader in = process.inputReader()) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add("(output ended: " + e.getMessage() + ")");
    }
  }

  /// Waits for the end. Returns the exit code.
  int await(Duration limit) throws InterruptedException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      close();
      throw new AssertionError(command + " did not end within " + limit + "; it printed:\n" + output());
    }
    reader.join(Duration.ofSeconds(5));
    return process.exitValue();
  }

  /// Waits until a printed line matches. Returns it.
  String awaitLine(Predicate<String> wanted, Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    int next = 0;
    while (System.nanoTime() < deadline) {
      for (; next < lines.size(); next++) {
        if (wanted.test(lines.get(next))) {
          return lines.get(next);
        }
      }
      if (!process.isAlive() && next >= lines.size()) {
        reader.join(Duration.ofSeconds(5));
        if (next >= lines.size()) {
          break;
        }
      }
      Thread.sleep(10);
    }
    throw new AssertionError("no such line from " + command + "; it printed:\n" + output());
  }

  int exitCode() {
    return process.exitValue();
  }

  String output() {
    return lines.stream().collect(Collectors.joining("\n"));
  }

  long pid() {
    return process.pid();
  }

  /// Processes that this one started and that still live, executors among them.
  List<ProcessHandle> descendants() {
    return process.descendants().toList();
  }

  /// Sends SIGTERM to the driver.
  void terminate() {
    process.destroy();
  }

  @Override
  public void close() {
    List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
    all.add(process.toHandle());
    all.forEach(ProcessHandle::destroyForcibly);
  }
}
