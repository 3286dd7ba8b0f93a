package dev.bellows.jobs;

import dev.bellows.parallelism.security.RunKey;
import dev.bellows.storage.FileStores;
import dev.bellows.trainer.WorkerLauncher;
import dev.bellows.trainer.WorkerSpec;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.config.WorkersSection;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.Coordinator;
import dev.bellows.trainer.control.ErrorCategory;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs the workers as long-lived tasks of one ordinary Spark job: an embedded local cluster of
/// real executor processes, a standalone master, or whatever cluster spark-submit chose.
final class SparkLauncher implements WorkerLauncher {
  private static final Logger LOG = LoggerFactory.getLogger(SparkLauncher.class);
  private static final int LEAVE_SECONDS = 2;

  private final JavaSparkContext spark;
  private final WorkersSection workers;
  private JavaFutureAction<Void> job;
  private volatile boolean lossless = true;

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
    spark.sc().addSparkListener(new Losses(coordinator));
    // The key travels as the data of each partition, inside the message that launches the task. The
    // task's code is broadcast instead, and a block of a broadcast may end up on a disk.
    List<byte[]> keys = Collections.nCopies(count, spec.key().bytes());
    job =
        spark.parallelize(keys, count).foreachPartitionAsync(task(spec, workers.memory().bytes()));
    Thread.ofVirtual().name("bellows-spark-job").start(() -> watch(job, coordinator));
  }

  /// The code of each worker, without the key.
  static WorkerTask task(WorkerSpec spec, long memoryLimit) {
    return new WorkerTask(spec.withKey(RunKey.none()), memoryLimit);
  }

  /// Tells the coordinator which executors Spark lost, and which workers could not even start.
  private final class Losses extends SparkListener {
    private final Coordinator coordinator;

    Losses(Coordinator coordinator) {
      this.coordinator = coordinator;
    }

    @Override
    public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
      lossless = false;
      coordinator.executorLost(removed.executorId(), "executor removed: " + removed.reason());
    }

    /// A worker that started never fails its task. Without this, Spark would start it again and
    /// again until the registration times out.
    @Override
    public void onTaskEnd(SparkListenerTaskEnd end) {
      if (end.reason() instanceof ExceptionFailure failure) {
        lossless = false;
        String name = failure.className().substring(failure.className().lastIndexOf('.') + 1);
        coordinator.fail(
            ErrorCategory.RESOURCE,
            "a worker on host "
                + end.taskInfo().host()
                + " cannot start: "
                + name
                + ": "
                + firstLine(failure.description()));
      }
    }
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

  /// Waits a moment for the workers, then ends Spark. The run's outcome is known by now: what Spark
  /// has to say about executors that leave, in its log or by stack traces of its own threads, would
  /// only hide the sentence that the user needs.
  @Override
  public void close() {
    PrintStream console = System.err;
    System.setErr(new PrintStream(OutputStream.nullOutputStream()));
    try {
      endSpark();
    } finally {
      System.setErr(console);
    }
  }

  private void endSpark() {
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
      boolean nothingToTell = lossless && spark.master().startsWith("local-cluster");
      String application = spark.sc().applicationId();
      spark.close();
      if (nothingToTell) {
        deleteWorkFolder(application);
      }
    }
  }

  /// The embedded cluster gives every application a folder for its executors' output and never
  /// deletes it. After a loss it stays, since it may hold what a dying executor said.
  private static void deleteWorkFolder(String application) {
    String home = System.getenv("SPARK_HOME");
    if (home == null) {
      return;
    }
    String folder = home + "/work/" + application;
    try {
      FileStores.forPath(folder).delete(folder);
    } catch (IOException e) {
      LOG.info("{} stays: {}", folder, e.getMessage());
    }
  }

  /// The executors of the embedded cluster are this process's children. One that is frozen would
  /// make Spark wait ten seconds for its end.
  private void killExecutors() {
    if (spark.master().startsWith("local-cluster")) {
      ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
    }
  }
}
