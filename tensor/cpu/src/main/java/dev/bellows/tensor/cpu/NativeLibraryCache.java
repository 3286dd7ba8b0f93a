package dev.bellows.tensor.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;

/// Unpacks native libraries from the class path into a folder whose name holds the size and checksum of each, once per content.
///
/// Safe for several processes: a folder is filled under a temporary name and published by one rename; who comes second uses the
/// first one's. The checksum comes from the jar's directory, so that a warm start reads none of the libraries' bytes.
final class NativeLibraryCache {
  private static final String OVERRIDE = "bellows.native.cache";

  private record Resource(String file, URL url, long size, long checksum) {}

  private NativeLibraryCache() {}

  /// The folder that holds `files` of the class path folder `location`. Errors: [IOException] when one is missing or cannot be written.
  static Path unpack(String location, List<String> files) throws IOException {
    List<Resource> resources = new ArrayList<>();
    StringBuilder key = new StringBuilder();
    for (String file : files) {
      Resource resource = find(location + file, file);
      resources.add(resource);
      key.append(key.isEmpty() ? "" : "-")
          .append(Long.toHexString(resource.size))
          .append('.')
          .append(Long.toHexString(resource.checksum));
    }
    IOException failure = null;
    for (Path root : roots()) {
      try {
        return unpack(resources, root, key.toString());
      } catch (FileSystemException e) {
        // A read-only or full home folder: the next place may do.
        failure = e;
      }
    }
    throw failure;
  }

  private static List<Path> roots() {
    String override = System.getProperty(OVERRIDE);
    if (override != null) {
      return List.of(Path.of(override));
    }
    return List.of(
        Path.of(System.getProperty("user.home"), ".cache", "bellows", "native"),
        Path.of(
            System.getProperty("java.io.tmpdir"),
            "bellows-native-" + System.getProperty("user.name")));
  }

  private static Resource find(String path, String file) throws IOException {
    URL url = NativeLibraryCache.class.getClassLoader().getResource(path);
    if (url == null) {
      throw new IOException("the class path has no " + path);
    }
    URLConnection connection = url.openConnection();
    if (connection instanceof JarURLConnection jar && jar.getJarEntry().getCrc() != -1) {
      return new Resource(file, url, jar.getJarEntry().getSize(), jar.getJarEntry().getCrc());
    }
    try (CheckedInputStream in = new CheckedInputStream(connection.getInputStream(), new CRC32())) {
      long size = in.skip(Long.MAX_VALUE);
      return new Resource(file, url, size, in.getChecksum().getValue());
    }
  }

  private static Path unpack(List<Resource> resources, Path root, String key) throws IOException {
    Path target = root.resolve(key);
    Files.createDirectories(root);
    refuseForeign(root);
    for (int attempt = 0; attempt < 3; attempt++) {
      if (isComplete(target, resources)) {
        return target;
      }
      Path temporary =
          Files.createTempDirectory(
              root,
              ".unpacking-",
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      try {
        copyAll(resources, temporary);
        setTornAside(target, resources);
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (FileSystemException e) {
        if (!Files.isDirectory(target)) {
          throw e;
        }
        // Another process was first; the next turn of the loop checks what it left.
      } finally {
        discard(temporary);
      }
    }
    throw new IOException("cannot publish the native libraries in " + target);
  }

  /// Moves away what a crash left half written. A complete folder is never touched: its files may be in use.
  private static void setTornAside(Path target, List<Resource> resources) throws IOException {
    if (Files.isDirectory(target) && !isComplete(target, resources)) {
      Path aside = target.resolveSibling(".torn-" + UUID.randomUUID());
      Files.move(target, aside, StandardCopyOption.ATOMIC_MOVE);
      discard(aside);
    }
  }

  /// A folder in a shared place that another user owns could hold anything.
  private static void refuseForeign(Path root) throws IOException {
    String owner = Files.getOwner(root).getName();
    String user = System.getProperty("user.name");
    if (!owner.equals(user) && !user.equals("root") && !user.equals("?")) {
      throw new FileSystemException(
          root.toString(), null, "belongs to " + owner + ", not to " + user);
    }
  }

  private static boolean isComplete(Path folder, List<Resource> resources) throws IOException {
    for (Resource resource : resources) {
      Path file = folder.resolve(resource.file);
      if (!Files.isRegularFile(file) || Files.size(file) != resource.size) {
        return false;
      }
    }
    return true;
  }

  private static void copyAll(List<Resource> resources, Path folder) throws IOException {
    for (Resource resource : resources) {
      try (InputStream in = resource.url.openStream()) {
        Files.copy(in, folder.resolve(resource.file));
      }
    }
  }

  private static void discard(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.deleteIfExists(file);
        }
      }
      Files.deleteIfExists(folder);
    }
  }
}
