package dev.bellows.storage;

import java.io.IOException;
import java.util.Set;

/// Offers a file system to [FileStores] through [java.util.ServiceLoader].
public interface FileStoreProvider {
  /// Whether this provider serves paths of `scheme` (`hdfs`, `s3a`, `file`), never called for plain local paths.
  boolean serves(String scheme);

  /// Schemes to name when a path has none that is served.
  Set<String> schemes();

  /// The store of the file system that `path` lies on; may be shared between calls.
  FileStore open(String path) throws IOException;
}
