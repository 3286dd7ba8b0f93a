package dev.bellows.jobs;

import dev.bellows.trainer.WorkerLauncher;
import dev.bellows.trainer.WorkerSpec;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.config.WorkersSection;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.Coordinator;
import dev.bellows.trainer.control.ErrorCategory;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs the workers as long-lived tasks of one ordinary Spark job: an embedded local cluster of real executor processes, a standalone master,
/// or whatever cluster spark-submit chose.
final class SparkLauncher implements WorkerLauncher {
  private static final Logger LOG = LoggerFactory.getLogger(SparkLauncher.class);
  private static final int LEAVE_SECONDS = 2;

  private final JavaSparkContext spark;
  private final WorkersSection workers;
  private JavaFutureAction<Void> job;

  /// Starts Spark for `config`. Errors: [BellowsException] when the cluster cannot be reached.
  SparkLauncher(RunConfig config) {
    workers = config.workers();
    SparkConf conf = SparkSettings.of(config);
    try {
      spark = new JavaSparkContext(conf);
    } catch (Exception e) {
      throw new BellowsException(
          ErrorCategory.RESOURCE,
          "Spark could not start with master " + conf.get("spark.master") + ": " + e.getMessage(),
          e);
    }
  }

  @Override
  public String description() {
    return "Spark "
        + spark.version()
        + " at "
        + spark.master()
        + ", application "
        + spark.sc().applicationId();
  }

  @Override
  public String driverAddress() {
    return spark.getConf().get("spark.driver.host");
  }

  @Override
  public void launch(WorkerSpec spec, int count, Coordinator coordinator) {
    spark
        .sc()
        .addSparkListener(
            new SparkListener() {
              @Override
              public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
                coordinator.executorLost(
                    removed.executorId(), "executor removed: " + removed.reason());
              }
            });
    List<Integer> partitions = IntStream.range(0, count).boxed().toList();
    job =
        spark
            .parallelize(partitions, count)
            .foreachPartitionAsync(new WorkerTask(spec, workers.memory().bytes()));
    Thread.ofVirtual().name("bellows-spark-job").start(() -> watch(job, coordinator));
  }

  /// A worker never fails its task, so a failed job means that Spark gave the application up.
  private static void watch(JavaFutureAction<Void> job, Coordinator coordinator) {
    try {
      job.get();
    } catch (ExecutionException e) {
      coordinator.fail(
          ErrorCategory.RESOURCE, "Spark ended the job: " + firstLine(e.getCause().getMessage()));
    } catch (CancellationException e) {
      // The run is over and some worker did not leave: whoever cancelled knows.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String firstLine(String message) {
    return message == null ? "no reason given" : message.lines().findFirst().orElse("");
  }

  @Override
  public void close() {
    try {
      if (job != null) {
        job.get(LEAVE_SECONDS, TimeUnit.SECONDS);
      }
    } catch (TimeoutException e) {
      job.cancel(true);
      killExecutors();
    } catch (ExecutionException e) {
      LOG.info("the Spark job ended: {}", e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      spark.close();
    }
  }

  /// The executors of the embedded cluster are this process's children. One that is frozen would make Spark wait ten seconds for its end.
  private void killExecutors() {
    if (spark.master().startsWith("local-cluster")) {
      ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
    }
  }
}
