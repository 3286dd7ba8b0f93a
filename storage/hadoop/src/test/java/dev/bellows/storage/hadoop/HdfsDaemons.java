package dev.bellows.storage.hadoop;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/// A real HDFS of one NameNode and one DataNode, each its own process, on ports of 127.0.0.1.
public final class HdfsDaemons implements AutoCloseable {
  private static final long START_SECONDS = 90;

  private final Path folder;
  private final int port;
  private final List<Process> processes = new ArrayList<>();

  private HdfsDaemons(Path folder, int port) {
    this.folder = folder;
    this.port = port;
  }

  /// Formats and starts a file system below `folder`; returns when the NameNode answers and knows its DataNode.
  public static HdfsDaemons start(Path folder) throws IOException, InterruptedException {
    int[] ports = freePorts(5);
    HdfsDaemons daemons = new HdfsDaemons(folder, ports[0]);
    Runtime.getRuntime().addShutdownHook(new Thread(daemons::close));
    daemons.writeConfiguration(ports);
    daemons.unpackWebFolder();
    Process format =
        daemons.java(
            "format",
            "org.apache.hadoop.hdfs.server.namenode.NameNode",
            "-format",
            "-force",
            "-nonInteractive");
    if (!format.waitFor(START_SECONDS, TimeUnit.SECONDS) || format.exitValue() != 0) {
      throw new IOException(
          "formatting the NameNode failed: " + Files.readString(folder.resolve("format.log")));
    }
    daemons.processes.add(
        daemons.java("namenode", "org.apache.hadoop.hdfs.server.namenode.NameNode"));
    daemons.processes.add(
        daemons.java("datanode", "org.apache.hadoop.hdfs.server.datanode.DataNode"));
    daemons.awaitDataNode();
    return daemons;
  }

  /// `hdfs://host:port`, without a slash at its end.
  public String uri() {
    return "hdfs://127.0.0.1:" + port;
  }

  /// Kills the DataNode; only the NameNode is left.
  public void killDataNode() throws InterruptedException {
    processes.get(1).destroyForcibly().waitFor();
  }

  @Override
  public void close() {
    processes.forEach(Process::destroyForcibly);
  }

  /// The DataNode says so itself in its log; asking the NameNode would need a client with its retries.
  private void awaitDataNode() throws IOException, InterruptedException {
    Path log = folder.resolve("datanode.log");
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
    while (!Files.exists(log)
        || !Files.readString(log).contains("successfully registered with NN")) {
      for (Process process : processes) {
        if (!process.isAlive()) {
          throw new IOException("an HDFS daemon ended: " + logs());
        }
      }
      if (System.nanoTime() > deadline) {
        throw new IOException("HDFS did not start within " + START_SECONDS + " s: " + logs());
      }
      Thread.sleep(100);
    }
  }

  private String logs() throws IOException {
    return Files.readString(folder.resolve("namenode.log"))
        + Files.readString(folder.resolve("datanode.log"));
  }

  private Process java(String name, String main, String... arguments) throws IOException {
    String jars =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-Xmx256m",
                "-Djava.io.tmpdir=" + Files.createDirectories(folder.resolve("tmp")),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                String.join(
                    File.pathSeparator,
                    folder.resolve("conf").toString(),
                    folder.resolve("web").toString(),
                    jars),
                main));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command)
        .directory(folder.toFile())
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve(name + ".log").toFile())
        .start();
  }

  private void writeConfiguration(int[] ports) throws IOException {
    Path conf = Files.createDirectories(folder.resolve("conf"));
    write(
        conf.resolve("core-site.xml"),
        Map.of("fs.defaultFS", uri(), "hadoop.tmp.dir", folder.resolve("tmp").toString()));
    write(
        conf.resolve("hdfs-site.xml"),
        Map.ofEntries(
            Map.entry("dfs.replication", "1"),
            Map.entry("dfs.namenode.name.dir", folder.resolve("name").toUri().toString()),
            Map.entry("dfs.datanode.data.dir", folder.resolve("data").toUri().toString()),
            Map.entry("dfs.namenode.http-address", "127.0.0.1:" + ports[1]),
            Map.entry("dfs.datanode.address", "127.0.0.1:" + ports[2]),
            Map.entry("dfs.datanode.ipc.address", "127.0.0.1:" + ports[3]),
            Map.entry("dfs.datanode.http.address", "127.0.0.1:" + ports[4]),
            Map.entry("dfs.permissions.enabled", "false"),
            Map.entry("dfs.namenode.fs-limits.min-block-size", "65536"),
            Map.entry("dfs.namenode.safemode.extension", "0")));
    Files.writeString(
        conf.resolve("log4j2.properties"),
        """
        status = error
        appender.console.type = Console
        appender.console.name = console
        rootLogger.level = info
        rootLogger.appenderRef.console.ref = console
        """);
  }

  private static void write(Path file, Map<String, String> values) throws IOException {
    StringBuilder xml = new StringBuilder("<configuration>\n");
    values.forEach(
        (key, value) ->
            xml.append(
                "<property><name>%s</name><value>%s</value></property>%n".formatted(key, value)));
    Files.writeString(file, xml.append("</configuration>\n"));
  }

  /// Served from a plain folder, the web pages need no unpacking of a 60 MB jar at each start.
  private void unpackWebFolder() throws IOException {
    String jar =
        List.of(
                System.getProperty(
                        "surefire.test.class.path", System.getProperty("java.class.path"))
                    .split(File.pathSeparator))
            .stream()
            .filter(entry -> entry.contains("hadoop-client-minicluster"))
            .findFirst()
            .orElseThrow();
    try (JarFile file = new JarFile(jar)) {
      for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements(); ) {
        JarEntry entry = entries.nextElement();
        if (entry.getName().startsWith("webapps/") && !entry.isDirectory()) {
          Path target = folder.resolve("web").resolve(entry.getName());
          Files.createDirectories(target.getParent());
          try (InputStream stream = file.getInputStream(entry)) {
            Files.copy(stream, target);
          }
        }
      }
    }
  }

  private static int[] freePorts(int count) {
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
      }
      int[] ports = sockets.stream().mapToInt(ServerSocket::getLocalPort).toArray();
      for (ServerSocket socket : sockets) {
        socket.close();
      }
      return ports;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
