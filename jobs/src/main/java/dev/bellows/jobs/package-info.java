/// The front door: the command line, and the launcher that runs workers as tasks of a Spark job. The only place that knows Spark.
package dev.bellows.jobs;
