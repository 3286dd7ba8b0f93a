package dev.bellows.jobs;

import dev.bellows.trainer.config.ConfigException;
import dev.bellows.trainer.config.RunConfig;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkConf;

/// Keeps `transport.encryption` in step with what Spark encrypts: who asked Spark to hide its traffic does not find tensors in clear beside it,
/// and the run key does not travel in clear over Spark's own channel.
///
/// `spark.io.encryption.enabled` asks for nothing here: it is about files on local disks, to which Spark writes nothing of ours.
final class SparkSecurity {
  private static final String KEY = "transport.encryption";

  /// Settings by which a user asks Spark to encrypt what it sends.
  private static final List<String> WISHES =
      List.of(
          "spark.network.crypto.enabled",
          "spark.ssl.enabled",
          "spark.ssl.rpc.enabled",
          "spark.authenticate.enableSaslEncryption");

  private SparkSecurity() {}

  /// Errors: [ConfigException] of one sentence when one of the two encrypts and the other does not.
  static void check(RunConfig config, SparkConf conf) {
    Optional<String> wish = WISHES.stream().filter(name -> isTrue(conf, name)).findFirst();
    if (!config.transport().encryption()) {
      if (wish.isPresent()) {
        throw new ConfigException(
            KEY,
            wish.get()
                + " is true, but "
                + KEY
                + " is false, so gradients and control messages would travel in clear beside"
                + " Spark's encrypted traffic; set "
                + KEY
                + "=true");
      }
      return;
    }
    String master = conf.get("spark.master", "");
    if (!hidesRpc(conf) && !SparkSettings.staysHere(master)) {
      throw new ConfigException(
          KEY,
          KEY
              + " is true, but Spark would send the run's key to the executors of "
              + master
              + " in clear; set spark.authenticate=true and spark.network.crypto.enabled=true, or"
              + " spark.ssl.rpc.enabled=true, for Spark");
    }
  }

  /// Whether Spark encrypts what driver and executors tell each other.
  private static boolean hidesRpc(SparkConf conf) {
    return isTrue(conf, "spark.ssl.rpc.enabled")
        || isTrue(conf, "spark.authenticate")
            && (isTrue(conf, "spark.network.crypto.enabled")
                || isTrue(conf, "spark.authenticate.enableSaslEncryption"));
  }

  private static boolean isTrue(SparkConf conf, String name) {
    return Boolean.parseBoolean(conf.get(name, "false").strip());
  }
}
