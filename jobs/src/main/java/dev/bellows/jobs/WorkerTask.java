package dev.bellows.jobs;

import dev.bellows.parallelism.TransportProvider;
import dev.bellows.parallelism.security.RunKey;
import dev.bellows.trainer.Worker;
import dev.bellows.trainer.WorkerSite;
import dev.bellows.trainer.WorkerSpec;
import java.util.Iterator;
import java.util.ServiceLoader;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.VoidFunction;

/// The task that a Spark executor runs: one worker from its registration to the end of the run. Never fails itself, since Spark would answer
/// a failed task by a retry; what goes wrong is told to the coordinator. Its one input is the run's key, no bytes for no encryption.
final class WorkerTask implements VoidFunction<Iterator<byte[]>> {
  private static final long serialVersionUID = 1L;

  private final WorkerSpec spec;
  private final long memoryLimit;

  WorkerTask(WorkerSpec spec, long memoryLimit) {
    this.spec = spec;
    this.memoryLimit = memoryLimit;
  }

  @Override
  public void call(Iterator<byte[]> keys) {
    // Ctrl-C in a terminal reaches every process of the group; only the driver shall act on it.
    Signals.handle("INT", () -> {});
    TaskContext task = TaskContext.get();
    SparkEnv env = SparkEnv.get();
    String host = env.blockManager().blockManagerId().host();
    WorkerSite site =
        new WorkerSite(
            task.partitionId(),
            task.attemptNumber(),
            env.executorId(),
            host,
            host,
            Runtime.getRuntime().maxMemory(),
            memoryLimit);
    RunKey key = RunKey.of(keys.next());
    Worker.run(spec.withKey(key), site, network(), new ConfiguredModels());
  }

  /// The network that is on the class path.
  static TransportProvider network() {
    for (TransportProvider provider :
        ServiceLoader.load(TransportProvider.class, TransportProvider.class.getClassLoader())) {
      if (provider.name().equals("aeron")) {
        return provider;
      }
    }
    throw new IllegalStateException(
        "the class path has no bellows-parallelism-aeron; add the jars of lib/ to the job");
  }
}
