package dev.bellows.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Starts side processes of one model on the same inputs.
///
/// @param shape model and batch
/// @param inputs folder of the [EngineInputs]
/// @param threads compute threads of each side
/// @param log where the processes' own lines go
record SideStarter(ModelShape shape, Path inputs, int threads, Path log) {
  /// Our side; `heapFlags` size its Java heap.
  SideProcess bellows(List<String> heapFlags, List<String> own) throws IOException {
    List<String> flags = flags();
    flags.addAll(heapFlags);
    return SideProcess.start("bellows", flags, arguments(own), Map.of(), log);
  }

  /// libtorch with `options`.
  SideProcess libtorch(LibtorchOptions options) throws IOException {
    List<String> flags = flags();
    flags.add("-Xmx512m");
    // Scopes free every tensor at once, so JavaCPP's own limits and its collector thread are not
    // needed.
    flags.add("-Dorg.bytedeco.javacpp.nopointergc=true");
    flags.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    flags.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    Map<String, String> variables = new LinkedHashMap<>(options.environment());
    variables.put("OMP_NUM_THREADS", Integer.toString(threads));
    variables.put("OPENBLAS_NUM_THREADS", Integer.toString(threads));
    return SideProcess.start("libtorch", flags, arguments(options.arguments()), variables, log);
  }

  /// For both sides: what workers run with, whose collector has one thread and keeps little memory of its own.
  private static List<String> flags() throws IOException {
    List<String> flags = new ArrayList<>(Environment.jvmFlags());
    flags.addAll(List.of("-XX:+UseSerialGC", "-XX:-UsePerfData"));
    return flags;
  }

  private List<String> arguments(List<String> own) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "model=" + shape.model(),
                "shape=" + shape,
                "inputs=" + inputs.toAbsolutePath(),
                "threads=" + threads));
    arguments.addAll(own);
    return arguments;
  }
}
