package dev.bellows.trainer;

import java.util.ArrayDeque;
import java.util.Deque;

/// Things that are released together, the youngest first.
final class Resources implements AutoCloseable {
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();

  /// Takes `resource` over and returns it.
  <T extends AutoCloseable> T own(T resource) {
    owned.push(resource);
    return resource;
  }

  /// Releases everything in reverse order. The first error is thrown, the others are attached to it.
  @Override
  public void close() {
    RuntimeException failure = null;
    while (!owned.isEmpty()) {
      try {
        owned.pop().close();
      } catch (Exception e) {
        if (failure == null) {
          failure = e instanceof RuntimeException runtime ? runtime : new IllegalStateException(e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
