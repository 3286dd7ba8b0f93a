package dev.bellows.storage.hadoop;

import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStoreProvider;
import java.io.IOException;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.UserGroupInformation;

/// Serves every scheme that Hadoop's configuration resolves (`hdfs`, `viewfs`, `s3a` …), and `hadoop+SCHEME` for a scheme that would
/// otherwise not come here: `hadoop+file:///a/b` is Hadoop's raw local file system.
/// One store per file system and user; stores live as long as the process. Threads: any.
public final class HadoopFileStoreProvider implements FileStoreProvider {
  static final String PREFIX = "hadoop+";

  private static final Map<String, HadoopFileStore> STORES = new ConcurrentHashMap<>();

  @Override
  public boolean serves(String scheme) {
    String name = scheme.startsWith(PREFIX) ? scheme.substring(PREFIX.length()) : scheme;
    try {
      FileSystem.getFileSystemClass(name, new Configuration());
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public Set<String> schemes() {
    Set<String> schemes = new TreeSet<>();
    var systems =
        ServiceLoader.load(FileSystem.class, FileSystem.class.getClassLoader()).iterator();
    while (true) {
      try {
        if (!systems.hasNext()) {
          return schemes;
        }
        schemes.add(systems.next().getScheme());
      } catch (ServiceConfigurationError | UnsupportedOperationException e) {
        // a file system that cannot be loaded, or that has no scheme of its own, is not one to
        // offer
      }
    }
  }

  @Override
  public FileStore open(String path) throws IOException {
    String prefix = path.startsWith(PREFIX) ? PREFIX : "";
    Path hadoopPath = new Path(path.substring(prefix.length()));
    UserGroupInformation user = UserGroupInformation.getCurrentUser();
    String key =
        prefix
            + hadoopPath.toUri().getScheme()
            + "://"
            + hadoopPath.toUri().getAuthority()
            + " "
            + user;
    HadoopFileStore known = STORES.get(key);
    if (known != null) {
      return known;
    }
    HadoopFileStore opened =
        HadoopFileStore.open(prefix, hadoopPath.toUri(), new Configuration(), user);
    HadoopFileStore earlier = STORES.putIfAbsent(key, opened);
    return earlier == null ? opened : earlier;
  }
}
