package dev.bellows.trainer.config;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/// Section `spark`: the cluster.
///
/// @param master Spark's master URL; empty, the default: an embedded local cluster with one process for each worker
/// @param conf further Spark settings by their full names; default none
public record SparkSection(@Default("") String master, @Default("{}") Map<String, String> conf) {
  public SparkSection {
    conf = Collections.unmodifiableMap(new TreeMap<>(conf));
    for (String name : conf.keySet()) {
      Check.that(
          name.startsWith("spark."),
          "spark.conf",
          "spark.conf names the setting " + name + "; Spark's settings start with 'spark.'");
    }
  }
}
