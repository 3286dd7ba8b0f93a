package dev.bellows.storage.hadoop;

import java.util.Map;
import org.apache.hadoop.conf.Configuration;

/// Client settings with which a dead DataNode or NameNode is noticed in seconds, not minutes. A
/// value that the user's own configuration files give is left alone.
final class ClientSettings {
  private static final Map<String, String> SETTINGS =
      Map.ofEntries(
          // 60 s by default: how long a stopped DataNode holds up a read or a write
          Map.entry("dfs.client.socket-timeout", "10000"),
          // close() asks the NameNode again after 400 ms by default, also for the smallest file
          Map.entry("dfs.client.block.write.locateFollowingBlock.initial.delay.ms", "10"),
          // a read whose replicas are all gone waits 3 s and more before each new try by default
          Map.entry("dfs.client.retry.window.base", "50"),
          Map.entry("ipc.client.connect.timeout", "5000"),
          Map.entry("ipc.client.connect.max.retries", "2"),
          Map.entry("ipc.client.connect.max.retries.on.timeouts", "2"),
          Map.entry("ipc.client.rpc-timeout.ms", "30000"),
          // a cluster with fewer DataNodes than wanted replicas could not append to a file
          // otherwise
          Map.entry("dfs.client.block.write.replace-datanode-on-failure.best-effort", "true"),
          // the last checkpoint may be written while the process shuts down
          Map.entry("fs.automatic.close", "false"),
          // syncs for real, unlike the checksummed one
          Map.entry("fs.AbstractFileSystem.file.impl", "org.apache.hadoop.fs.local.RawLocalFs"));

  private ClientSettings() {}

  static void apply(Configuration configuration) {
    SETTINGS.forEach(
        (key, value) -> {
          if (!setByUser(configuration, key)) {
            configuration.set(key, value, "bellows");
          }
        });
  }

  private static boolean setByUser(Configuration configuration, String key) {
    String[] sources = configuration.getPropertySources(key);
    return sources != null
        && sources.length > 0
        && !sources[sources.length - 1].endsWith("-default.xml");
  }
}
