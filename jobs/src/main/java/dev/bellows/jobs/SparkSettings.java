package dev.bellows.jobs;

import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.config.WorkersSection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;

/// The Spark settings of a run: ours where the user said nothing, then what spark-submit and `spark.conf` say.
final class SparkSettings {
  /// Spark refuses a smaller heap.
  private static final long SMALLEST_HEAP = 512L << 20;

  private SparkSettings() {}

  static SparkConf of(RunConfig config) {
    SparkConf conf = new SparkConf(true);
    WorkersSection workers = config.workers();
    if (!config.spark().master().isEmpty()) {
      conf.set("spark.master", config.spark().master());
    }
    boolean embedded = !conf.contains("spark.master");
    long heapMiB = heap(workers) >> 20;
    if (embedded) {
      conf.set(
          "spark.master",
          "local-cluster[" + workers.count() + "," + workers.threads() + "," + heapMiB + "]");
    }
    conf.setIfMissing("spark.app.name", "bellows " + config.run().name());
    onThisMachineOnly(conf, embedded || isLoopback(conf.get("spark.master")));
    conf.set("spark.executor.memory", heapMiB + "m");
    conf.set("spark.executor.memoryOverhead", (workers.memory().bytes() >> 20) - heapMiB + "m");
    conf.set("spark.executor.cores", Integer.toString(workers.threads()));
    conf.set("spark.task.cpus", Integer.toString(workers.threads()));
    conf.set("spark.cores.max", Integer.toString(workers.threads() * workers.count()));
    longLivedTasks(conf);
    String options = Jvm.options() + " -XX:+UseSerialGC -XX:-UsePerfData" + archive(embedded);
    String theirs = conf.get("spark.executor.extraJavaOptions", "");
    conf.set("spark.executor.extraJavaOptions", (options + " " + theirs).strip());
    shipJars(conf, embedded);
    config.spark().conf().forEach(conf::set);
    return conf;
  }

  /// Executors on this machine start from the launcher's archive of their classes where there is one.
  private static String archive(boolean embedded) {
    Path archive = Path.of(System.getenv().getOrDefault("BELLOWS_HOME", ""), "target/executor.aot");
    return embedded && Files.exists(archive)
        ? " -XX:AOTCache='" + archive + "' -Xlog:aot*=off -Xlog:cds*=off"
        : "";
  }

  /// A quarter of the worker's memory: tensors live outside the heap.
  static long heap(WorkersSection workers) {
    return Math.max(SMALLEST_HEAP, workers.memory().bytes() / 4);
  }

  private static boolean isLoopback(String master) {
    // A list of masters may name others behind a comma.
    return !master.contains(",")
        && (master.startsWith("spark://127.0.0.1:") || master.startsWith("spark://localhost:"));
  }

  /// Whether all processes of a cluster with this master run on this machine and talk over its loopback device.
  static boolean staysHere(String master) {
    return master.startsWith("local") || isLoopback(master);
  }

  private static void onThisMachineOnly(SparkConf conf, boolean local) {
    if (local) {
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
    }
    conf.setIfMissing("spark.ui.enabled", "false");
  }

  /// Workers are tasks that live as long as the run: nothing may retry, move or count them as slow.
  private static void longLivedTasks(SparkConf conf) {
    conf.setIfMissing("spark.task.maxFailures", "1000000");
    conf.setIfMissing("spark.excludeOnFailure.enabled", "false");
    conf.setIfMissing("spark.speculation", "false");
    conf.setIfMissing("spark.locality.wait", "0");
    conf.setIfMissing("spark.network.timeout", "30s");
    conf.setIfMissing("spark.executor.heartbeatInterval", "3s");
    conf.setIfMissing("spark.network.timeoutInterval", "5s");
  }

  /// Executors on this machine read our jars where they lie; others get them from the driver. Under spark-submit the user's `--jars` do.
  private static void shipJars(SparkConf conf, boolean embedded) {
    String home = System.getenv("BELLOWS_HOME");
    if (home == null) {
      return;
    }
    Path lib = Path.of(home, "target", "dist", "lib");
    if (embedded) {
      conf.set("spark.executor.extraClassPath", lib + "/*");
      return;
    }
    if (!conf.contains("spark.jars")) {
      try (Stream<Path> jars = Files.list(lib)) {
        conf.set(
            "spark.jars",
            jars.map(jar -> jar.toUri().toString()).sorted().collect(Collectors.joining(",")));
      } catch (IOException e) {
        throw new IllegalStateException(
            "the jars in " + lib + " cannot be listed: " + e.getMessage(), e);
      }
    }
  }
}
