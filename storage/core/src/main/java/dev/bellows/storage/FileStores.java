package dev.bellows.storage;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Finds the [FileStore] of a path. Plain paths and `file:` are local; every other scheme is served by a [FileStoreProvider].
/// Threads: any.
public final class FileStores {
  /// A scheme has two letters or more and a slash behind it, so that `a:b` stays a plain file name.
  private static final Pattern SCHEME =
      Pattern.compile("([A-Za-z][A-Za-z0-9+.-]+):/.*", Pattern.DOTALL);

  private static final FileStore LOCAL = new LocalFileStore();

  private FileStores() {}

  /// The store that `path` lies on. Errors: a scheme that nothing serves is refused by a sentence naming those that are served.
  public static FileStore forPath(String path) throws IOException {
    Optional<String> scheme = scheme(path);
    if (scheme.isEmpty() || scheme.get().equals("file")) {
      return LOCAL;
    }
    TreeSet<String> known = new TreeSet<>();
    known.add("file");
    // The loader of this class, not the thread's: on Spark both may differ, and the providers ship
    // beside this class.
    for (FileStoreProvider provider :
        ServiceLoader.load(FileStoreProvider.class, FileStores.class.getClassLoader())) {
      try {
        if (provider.serves(scheme.get())) {
          return provider.open(path);
        }
        known.addAll(provider.schemes());
      } catch (NoClassDefFoundError e) {
        throw new IOException(
            path
                + ": "
                + provider.getClass().getSimpleName()
                + " lacks its libraries on the class path ("
                + e.getMessage()
                + ")",
            e);
      }
    }
    throw new IOException(
        path
            + ": no file system serves the scheme '"
            + scheme.get()
            + "'; known are plain paths and "
            + String.join(", ", known));
  }

  /// `path` in its store's own absolute form: a plain or `file:` path becomes an absolute plain path, others stay as they are but
  /// for slashes at their end.
  public static String absolute(String path) {
    Optional<String> scheme = scheme(path);
    if (scheme.isEmpty()) {
      return Path.of(path).toAbsolutePath().normalize().toString();
    }
    if (scheme.get().equals("file")) {
      return Path.of(filePath(path)).normalize().toString();
    }
    return stripSlash(path);
  }

  /// Path of `child` below `folder`. Errors: an absolute child or one with a part `.`, `..` or nothing is refused.
  public static String resolve(String folder, String child) {
    for (String part : child.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        throw new IllegalArgumentException(
            "'" + child + "' is not the name of a file below " + folder);
      }
    }
    return (folder.endsWith("/") ? folder : stripSlash(folder) + "/") + child;
  }

  private static Optional<String> scheme(String path) {
    Matcher matcher = SCHEME.matcher(path);
    return matcher.matches()
        ? Optional.of(matcher.group(1).toLowerCase(Locale.ROOT))
        : Optional.empty();
  }

  /// The path in a `file:` text: of a proper URI decoded, otherwise as it is written.
  private static String filePath(String path) {
    String rest = path.substring("file:".length());
    boolean authority = rest.startsWith("//") && !rest.startsWith("///");
    if (authority && !rest.startsWith("//localhost/")) {
      throw new IllegalArgumentException(
          path + " names a host; a local path is file:/a/b or file:///a/b");
    }
    String raw =
        "/" + (authority ? rest.substring("//localhost/".length()) : rest).replaceFirst("^/+", "");
    if (raw.contains("%")) {
      try {
        return new URI("file:" + raw).getPath();
      } catch (URISyntaxException e) {
        return raw;
      }
    }
    return raw;
  }

  /// Drops slashes at the end, but not the one that is the root itself (`/`, `hdfs://host/`).
  private static String stripSlash(String path) {
    int authority = path.indexOf("://");
    int root = Math.max(0, path.indexOf('/', authority < 0 ? 0 : authority + 3));
    int end = path.length();
    while (end > root + 1 && path.charAt(end - 1) == '/') {
      end--;
    }
    return path.substring(0, end);
  }
}
