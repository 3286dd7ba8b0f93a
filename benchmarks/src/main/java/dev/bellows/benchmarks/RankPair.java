package dev.bellows.benchmarks;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// The parent's handle of two [ReduceMain] processes of one library. They sleep in a read between commands. Threads: one at a time.
final class RankPair implements AutoCloseable {
  private static final int RANKS = 2;

  private final String library;
  private final Path log;
  private final List<Rank> ranks = new ArrayList<>();
  private final List<String> greetings;

  private record Rank(Process process, BufferedWriter commands, BufferedReader answers) {}

  /// Starts both. What they print goes to `log`. Errors: [IOException] when one ends at once.
  RankPair(String library, List<String> jvmFlags, Path log) throws IOException {
    this.library = library;
    this.log = log;
    Files.createDirectories(log.toAbsolutePath().getParent());
    try {
      for (int rank = 0; rank < RANKS; rank++) {
        Process process =
            new ProcessBuilder(command(jvmFlags, library, "" + rank))
                .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        ranks.add(
            new Rank(
                process,
                process.outputWriter(StandardCharsets.UTF_8),
                process.inputReader(StandardCharsets.UTF_8)));
      }
      greetings = answers();
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /// The command line of a [ReduceMain].
  static List<String> command(List<String> jvmFlags, String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(jvmFlags);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), ReduceMain.class.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  /// What each rank said when it had started.
  List<String> greetings() {
    return greetings;
  }

  /// Joins the ranks.
  void open(String words) throws IOException {
    ask("open " + words);
  }

  /// Measures on both and returns the slower one of each call.
  ReduceTiming time(ReducePlan plan) throws IOException {
    List<String> answers = ask("time " + plan.bytes() + " " + plan.warmUp() + " " + plan.calls());
    return ReduceTiming.parse(answers.get(0)).slowest(ReduceTiming.parse(answers.get(1)));
  }

  /// Parts the ranks.
  void leave() throws IOException {
    ask("close");
  }

  private List<String> ask(String command) throws IOException {
    for (Rank rank : ranks) {
      rank.commands().write(command + "\n");
      rank.commands().flush();
    }
    return answers();
  }

  private List<String> answers() throws IOException {
    List<String> answers = new ArrayList<>();
    for (Rank rank : ranks) {
      answers.add(answer(rank));
    }
    return answers;
  }

  private String answer(Rank rank) throws IOException {
    String line;
    while ((line = rank.answers().readLine()) != null) {
      if (line.startsWith(SideMain.MARK)) {
        return line.substring(SideMain.MARK.length());
      }
      Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
    throw new IOException("a rank of " + library + " ended; its log is " + log);
  }

  @Override
  public void close() {
    for (Rank rank : ranks) {
      try {
        rank.commands().write("quit\n");
        rank.commands().flush();
      } catch (IOException e) {
        // It has ended already; there is nobody left to tell.
      }
    }
    for (Rank rank : ranks) {
      try {
        if (!rank.process().waitFor(10, TimeUnit.SECONDS)) {
          rank.process().destroyForcibly();
        }
      } catch (InterruptedException e) {
        rank.process().destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }
}
