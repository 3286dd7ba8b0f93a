package dev.bellows.tensor.cpu;

import dev.bellows.tensor.BackendUnavailableException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// What the CPU backend needs of the machine and of the JVM's flags. Links neither oneDNN nor the vector module.
final class CpuRequirements {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /// One kernel fills the compiler's budget of nodes for one compilation; see [VectorFunctions].
  private static final String INLINING = "dontinline,*Kernels::*";

  private CpuRequirements() {}

  /// Errors: [BackendUnavailableException] with the reason and the remedy.
  static void verify() {
    verifyPlatform(System.getProperty("os.name"), System.getProperty("os.arch"));
    verifyFlags(
        ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
        CpuRequirements.class.getModule().isNativeAccessEnabled());
    verifyInstructions(Set.copyOf(Arrays.asList(cpuInfo("flags").split(" +"))));
  }

  /// Logs when the JVM was not told to compile kernels one by one: everything is right without it, and several times slower in places.
  static void adviseOnInlining() {
    List<String> flags = ManagementFactory.getRuntimeMXBean().getInputArguments();
    if (flags.stream().noneMatch(flag -> flag.endsWith(INLINING))) {
      System.getLogger(CpuRequirements.class.getName())
          .log(
              Level.WARNING,
              "the cpu backend is slower than it could be: add -XX:CompileCommand="
                  + INLINING
                  + " to the java command (all flags are in jvm.options)");
    }
  }

  static void verifyPlatform(String system, String architecture) {
    boolean x86 = Set.of("amd64", "x86_64").contains(architecture);
    if (!system.toLowerCase(Locale.ROOT).equals("linux") || !x86) {
      throw new BackendUnavailableException(
          "the cpu backend ships its native library for Linux on x86-64 only, and this is "
              + system
              + " on "
              + architecture
              + "; use the reference backend for small tests, or a Linux x86-64 machine");
    }
  }

  static void verifyFlags(boolean vectorModule, boolean nativeAccess) {
    if (!vectorModule) {
      throw new BackendUnavailableException(
          "the vector module is not in this JVM; add --add-modules=jdk.incubator.vector to the java"
              + " command");
    }
    if (!nativeAccess) {
      throw new BackendUnavailableException(
          "native access is not allowed; add --enable-native-access=ALL-UNNAMED to the java"
              + " command");
    }
  }

  static void verifyInstructions(Set<String> flags) {
    if (!flags.containsAll(List.of("avx2", "fma"))) {
      throw new BackendUnavailableException(
          "this CPU has no AVX2 with FMA, which the cpu backend needs; use a machine of 2015 or"
              + " later, or a virtual machine that passes them through");
    }
  }

  /// The CPU's model as the kernel names it.
  static String model() {
    String model = cpuInfo("model name").strip();
    return model.isEmpty() ? "x86-64" : model;
  }

  /// The first value of `field` in /proc/cpuinfo, or nothing.
  private static String cpuInfo(String field) {
    try {
      for (String line : Files.readAllLines(CPU_INFO, StandardCharsets.UTF_8)) {
        int colon = line.indexOf(':');
        if (colon > 0 && line.substring(0, colon).strip().equals(field)) {
          return line.substring(colon + 1);
        }
      }
      return "";
    } catch (IOException e) {
      throw new BackendUnavailableException(
          "cannot read " + CPU_INFO + ", which says what this CPU can do; mount /proc", e);
    }
  }
}
