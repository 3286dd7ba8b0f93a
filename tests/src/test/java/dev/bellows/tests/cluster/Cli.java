package dev.bellows.tests.cluster;

import dev.bellows.tests.ProjectFolder;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// One real process, mostly `./bellows`, in a session of its own, so that all its descendants can
/// be found even when their parents are gone. What it prints is kept. Closing it kills the whole
/// session.
final class Cli implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(4);
  private static final Pattern WORKER =
      Pattern.compile("worker +\\d+ of \\d+: executor (\\S+) on host (\\S+), pid (\\d+),.*");

  /// A printed line.
  private record Line(boolean error, long nanos, String text) {}

  /// A worker as the driver's output names it.
  record WorkerLine(String executor, String host, long pid) {}

  private final Process process;
  private final List<Line> lines = new CopyOnWriteArrayList<>();
  private final List<Thread> readers;
  private final String command;
  private final long startNanos = System.nanoTime();

  private Cli(Process process, String command) {
    this.process = process;
    this.command = command;
    this.readers =
        List.of(
            Thread.ofVirtual().start(() -> read(process.inputReader(), false)),
            Thread.ofVirtual().start(() -> read(process.errorReader(), true)));
  }

  /// Starts `./bellows args` in `folder`.
  static Cli start(Path folder, String... args) throws IOException {
    return startAny(folder, bellows(args));
  }

  /// Runs `./bellows args` in `folder` to its end.
  static Cli run(Path folder, String... args) throws IOException, InterruptedException {
    return runAny(folder, bellows(args));
  }

  /// The words of `./bellows args`.
  static List<String> bellows(String... args) {
    List<String> command =
        new ArrayList<>(List.of(ProjectFolder.root().resolve("bellows").toString()));
    command.addAll(List.of(args));
    return command;
  }

  /// The words that run `setup` as a shell script in a mount namespace of its own, and then
  /// `words`.
  static List<String> inNamespace(String setup, List<String> words) {
    List<String> command =
        new ArrayList<>(
            List.of("unshare", "--mount", "sh", "-e", "-c", setup + "\nexec \"$@\"", "sh"));
    command.addAll(words);
    return command;
  }

  /// Whether this user may mount in a namespace of its own.
  static boolean namespacesAllowed() throws IOException, InterruptedException {
    return new ProcessBuilder("unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt")
            .redirectErrorStream(true)
            .start()
            .waitFor()
        == 0;
  }

  /// Starts any command.
  static Cli startAny(Path folder, List<String> words) throws IOException {
    List<String> command = new ArrayList<>(List.of("setsid"));
    command.addAll(words);
    Files.createDirectories(folder);
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().put("BELLOWS_NO_BUILD", "1");
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    builder.environment().put("SPARK_LOCAL_DIRS", sparkLocal(folder).toString());
    return new Cli(builder.start(), String.join(" ", words));
  }

  /// Runs any command to its end; afterwards nothing of it may be left.
  static Cli runAny(Path folder, List<String> words) throws IOException, InterruptedException {
    try (Cli cli = startAny(folder, words)) {
      cli.await(LIMIT);
      Leftovers.assertNone(cli, folder);
      return cli;
    }
  }

  /// Where Spark keeps its temporary files of commands that run in `folder`.
  static Path sparkLocal(Path folder) {
    return folder.resolve("spark-local");
  }

  private void read(BufferedReader in, boolean error) {
    try (in) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        lines.add(new Line(error, System.nanoTime(), line));
      }
    } catch (IOException e) {
      lines.add(new Line(true, System.nanoTime(), "(output ended: " + e.getMessage() + ")"));
    }
  }

  /// Waits for the end. Returns the exit code.
  int await(Duration limit) throws InterruptedException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      close();
      throw new AssertionError(
          command + " did not end within " + limit + "; it printed:\n" + output());
    }
    drain();
    return process.exitValue();
  }

  private void drain() throws InterruptedException {
    for (Thread reader : readers) {
      // An orphan may hold the pipe open; what the process itself printed is read by then.
      reader.join(Duration.ofSeconds(2));
    }
  }

  /// Waits until a printed line matches. Returns it.
  String awaitLine(Predicate<String> wanted, Duration limit) throws InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    while (System.nanoTime() < deadline) {
      boolean ended = !process.isAlive();
      if (ended) {
        drain();
      }
      Optional<Line> found = first(wanted);
      if (found.isPresent()) {
        return found.get().text();
      }
      if (ended) {
        break;
      }
      Thread.sleep(10);
    }
    throw new AssertionError("no such line from " + command + "; it printed:\n" + output());
  }

  private Optional<Line> first(Predicate<String> wanted) {
    return lines.stream().filter(line -> wanted.test(line.text())).findFirst();
  }

  /// Seconds from the start of the process to the first line that matches.
  double secondsTo(Predicate<String> wanted) {
    return first(wanted).map(line -> (line.nanos() - startNanos) / 1e9).orElse(Double.NaN);
  }

  int exitCode() {
    return process.exitValue();
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /// Everything printed, standard error included.
  String output() {
    return lines.stream().map(Line::text).collect(Collectors.joining("\n"));
  }

  /// What went to standard error, without blank lines and the sentence that every JVM says about
  /// the vector module.
  List<String> errors() {
    return lines.stream()
        .filter(Line::error)
        .map(Line::text)
        .filter(text -> !text.isBlank() && !text.startsWith("WARNING: Using incubator modules"))
        .toList();
  }

  /// What went to standard output.
  String printed() {
    return lines.stream()
        .filter(line -> !line.error())
        .map(Line::text)
        .collect(Collectors.joining("\n"));
  }

  /// The workers that registered.
  List<WorkerLine> workers() {
    return lines.stream()
        .map(line -> WORKER.matcher(line.text()))
        .filter(Matcher::matches)
        .map(
            match -> new WorkerLine(match.group(1), match.group(2), Long.parseLong(match.group(3))))
        .toList();
  }

  long pid() {
    return process.pid();
  }

  /// Ids of the processes of this session that live, the first one included.
  List<Long> session() {
    TreeSet<Long> found = new TreeSet<>();
    try (Stream<Path> entries = Files.list(Path.of("/proc"))) {
      entries
          .filter(entry -> entry.getFileName().toString().matches("\\d+"))
          .filter(entry -> sessionOf(entry) == process.pid())
          .forEach(entry -> found.add(Long.parseLong(entry.getFileName().toString())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return List.copyOf(found);
  }

  /// The session of a living process, or -1. Fields after the name in parentheses: state, parent,
  /// group, session.
  private static long sessionOf(Path proc) {
    try {
      String stat = Files.readString(proc.resolve("stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      return fields[0].equals("Z") ? -1 : Long.parseLong(fields[3]);
    } catch (IOException e) {
      return -1;
    }
  }

  /// Sends SIGTERM to the first process only.
  void terminate() {
    process.destroy();
  }

  /// Sends signal `name` to process `pid`.
  static void signal(String name, long pid) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, Long.toString(pid)).inheritIO().start().waitFor();
  }

  @Override
  public void close() {
    session().forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
    process.destroyForcibly();
  }
}
