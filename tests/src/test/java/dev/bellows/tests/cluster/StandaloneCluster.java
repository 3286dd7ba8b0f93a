package dev.bellows.tests.cluster;

import dev.bellows.tests.ProjectFolder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A Spark master and its workers, each a process of its own, started from the jars of
/// `target/dist/spark` on ports of the loopback.
final class StandaloneCluster implements AutoCloseable {
  private static final Duration START_LIMIT = Duration.ofMinutes(2);

  private final Path folder;
  private final int port;
  private final List<Cli> daemons = new ArrayList<>();

  private StandaloneCluster(Path folder, int port) {
    this.folder = folder;
    this.port = port;
  }

  /// Starts a master without workers; logs and work folders lie below `folder`.
  static StandaloneCluster start(Path folder) throws IOException, InterruptedException {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    // Spark reads its logging from the class path; the daemons must say when they are ready.
    Files.createDirectories(folder.resolve("conf"));
    Files.writeString(
        folder.resolve("conf/log4j2.properties"),
        """
        rootLogger.level = info
        rootLogger.appenderRef.console.ref = console
        appender.console.type = Console
        appender.console.name = console
        """);
    StandaloneCluster cluster = new StandaloneCluster(folder, port);
    Cli master =
        cluster.daemon(
            List.of(),
            "org.apache.spark.deploy.master.Master",
            "--host",
            "127.0.0.1",
            "--port",
            "" + port,
            "--webui-port",
            "0");
    master.awaitLine(line -> line.contains("New state: ALIVE"), START_LIMIT);
    return cluster;
  }

  /// `spark://host:port`.
  String url() {
    return "spark://127.0.0.1:" + port;
  }

  /// Adds a Spark worker with `cores` that calls itself `host`, a loopback address. A non-empty
  /// `setup` is run as a shell script in a mount namespace of the worker's own.
  Cli addWorker(String host, int cores, String setup) throws IOException, InterruptedException {
    Cli worker =
        daemon(
            setup.isEmpty() ? List.of() : List.of(setup),
            "org.apache.spark.deploy.worker.Worker",
            "--host",
            host,
            "--port",
            "0",
            "--webui-port",
            "0",
            "--cores",
            "" + cores,
            "--memory",
            "8g",
            "--work-dir",
            folder.resolve("work-" + host).toString(),
            url());
    worker.awaitLine(line -> line.contains("Successfully registered with master"), START_LIMIT);
    return worker;
  }

  private Cli daemon(List<String> setup, String... words) throws IOException {
    Path root = ProjectFolder.root();
    Path spark = root.resolve("target/dist/spark");
    List<String> command =
        new ArrayList<>(
            List.of(
                "env",
                "SPARK_HOME=" + spark,
                "SPARK_SCALA_VERSION=2.13",
                "JAVA_HOME=" + System.getProperty("java.home"),
                java(),
                "@" + root.resolve("jvm.options"),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-Dspark.master.rest.enabled=false",
                "-cp",
                folder.resolve("conf") + ":" + spark.resolve("jars") + "/*"));
    command.addAll(List.of(words));
    Cli daemon =
        Cli.startAny(
            folder, setup.isEmpty() ? command : Cli.inNamespace(setup.getFirst(), command));
    daemons.add(daemon);
    return daemon;
  }

  /// The `java` that runs this test.
  static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  @Override
  public void close() {
    daemons.reversed().forEach(Cli::close);
  }
}
