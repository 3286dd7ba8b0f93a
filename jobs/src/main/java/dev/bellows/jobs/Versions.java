package dev.bellows.jobs;

import org.apache.spark.package$;
import picocli.CommandLine.IVersionProvider;

/// What `--version` and the start banner say.
final class Versions implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {line()};
  }

  static String line() {
    String version = Versions.class.getPackage().getImplementationVersion();
    return "Bellows "
        + (version == null ? "development" : version)
        + ", Spark "
        + package$.MODULE$.SPARK_VERSION()
        + ", Java "
        + Runtime.version();
  }
}
