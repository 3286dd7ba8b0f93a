package dev.bellows.benchmarks;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/// OpenMPI's side: two fresh processes per round, because waiting ranks of OpenMPI keep their cores busy.
///
/// @param mpirun the program
/// @param jvmFlags of the processes
/// @param log where their own lines go
record MpiRuns(Path mpirun, List<String> jvmFlags, Path log) {
  private static final long LIMIT_SECONDS = 120;

  /// The `mpirun` on the PATH. Errors: [IllegalArgumentException] with the remedy when there is none.
  static Path find() {
    for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)) {
      Path program = Path.of(folder, "mpirun");
      if (Files.isExecutable(program)) {
        return program;
      }
    }
    throw new IllegalArgumentException(
        "the peer is OpenMPI, but there is no mpirun on the PATH; install it (Debian: openmpi-bin),"
            + " or measure without it by --no-peer");
  }

  /// What `mpirun --version` says first.
  String version() throws IOException {
    Process process =
        builder(List.of(mpirun.toString(), "--version"))
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String first = lines.readLine();
      return first == null ? "unknown" : first;
    }
  }

  /// Shared memory, as OpenMPI chooses by itself.
  List<ReduceTiming> sharedMemory(List<ReducePlan> plans) throws IOException {
    return run(List.of(), plans);
  }

  /// TCP over the loopback interface only.
  List<ReduceTiming> tcp(List<ReducePlan> plans) throws IOException {
    return run(
        List.of(
            "--mca", "pml", "ob1", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "lo"),
        plans);
  }

  private List<ReduceTiming> run(List<String> settings, List<ReducePlan> plans) throws IOException {
    List<String> command = new ArrayList<>(List.of(mpirun.toString(), "-np", "2"));
    // OpenMPI's handlers for crashes would take the place of the JVM's.
    command.addAll(List.of("--mca", "opal_signal", "6"));
    command.addAll(settings);
    List<String> arguments = new ArrayList<>(List.of("mpi"));
    plans.forEach(plan -> arguments.add(plan.argument()));
    command.addAll(RankPair.command(jvmFlags, arguments.toArray(String[]::new)));
    Process process =
        builder(command)
            .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .start();
    // Reading ends when the process does, so a hung one is killed.
    CompletableFuture.delayedExecutor(LIMIT_SECONDS, TimeUnit.SECONDS)
        .execute(process::destroyForcibly);
    try {
      List<ReduceTiming> timings = timings(process);
      if (timings.size() != plans.size()
          || !process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)
          || process.exitValue() != 0) {
        throw new IOException("mpirun failed; its log is " + log);
      }
      return timings;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while mpirun was running", e);
    } finally {
      process.destroy();
    }
  }

  private List<ReduceTiming> timings(Process process) throws IOException {
    List<ReduceTiming> timings = new ArrayList<>();
    try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
      String line;
      while ((line = lines.readLine()) != null) {
        if (line.startsWith(SideMain.MARK)) {
          timings.add(ReduceTiming.parse(line.substring(SideMain.MARK.length())));
        } else {
          Files.writeString(log, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
      }
    }
    return timings;
  }

  private static ProcessBuilder builder(List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("OMPI_ALLOW_RUN_AS_ROOT", "1");
    builder.environment().put("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    return builder;
  }
}
