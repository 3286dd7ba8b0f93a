package dev.bellows.tensor.cpu;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.BackendUnavailableException;
import dev.bellows.tensor.Backends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

final class CpuRequirementsTest {
  @Test
  void refusalsNameReasonAndRemedy() {
    refused("Linux x86-64 machine", () -> CpuRequirements.verifyPlatform("Mac OS X", "aarch64"));
    refused("Linux x86-64 machine", () -> CpuRequirements.verifyPlatform("Linux", "aarch64"));
    refused("--add-modules=jdk.incubator.vector", () -> CpuRequirements.verifyFlags(false, true));
    refused("--enable-native-access=ALL-UNNAMED", () -> CpuRequirements.verifyFlags(true, false));
    refused("AVX2", () -> CpuRequirements.verifyInstructions(Set.of("avx", "fma", "sse4_2")));
    assertDoesNotThrow(CpuRequirements::verify);
  }

  private static void refused(String part, Executable call) {
    String message = assertThrows(BackendUnavailableException.class, call).getMessage();
    assertTrue(message.contains(part), message);
  }

  @Test
  void theProviderIsFoundByName() {
    try (Backend backend = Backends.open("cpu", BackendOptions.threads(2))) {
      assertEquals("cpu", backend.name());
      assertTrue(
          backend.description().contains("oneDNN 3.11.0")
              && backend.description().endsWith("2 threads"),
          backend.description());
    }
  }

  @Test
  void librariesAreUnpackedOnceByManyThreads(@TempDir Path folder) throws Exception {
    String location = "org/bytedeco/dnnl/linux-x86_64/";
    System.setProperty("bellows.native.cache", folder.toString());
    try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
      Callable<Path> unpack = () -> NativeLibraryCache.unpack(location, List.of("libgomp.so.1"));
      List<Path> places =
          executor.invokeAll(List.of(unpack, unpack, unpack, unpack)).stream()
              .map(f -> f.resultNow())
              .distinct()
              .toList();
      assertEquals(1, places.size());
      assertEquals(298776, Files.size(places.getFirst().resolve("libgomp.so.1")));
      try (var left = Files.list(folder)) {
        assertEquals(1, left.count(), "temporary folders are gone");
      }
      Files.write(places.getFirst().resolve("libgomp.so.1"), new byte[3]);
      assertEquals(
          298776,
          Files.size(
              NativeLibraryCache.unpack(location, List.of("libgomp.so.1")).resolve("libgomp.so.1")),
          "a torn file is replaced");
      IOException missing =
          assertThrows(
              IOException.class,
              () -> NativeLibraryCache.unpack(location, List.of("libnothing.so")));
      assertTrue(missing.getMessage().contains("libnothing.so"), missing.getMessage());
    } finally {
      System.clearProperty("bellows.native.cache");
    }
  }
}
