package dev.bellows.benchmarks;

import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/// What JMH measures: one call of one kernel. [KernelBenchmark] sets the parameters; each kernel has a process of its own, so that the code compiled for
/// one does not slow another.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class KernelTiming {
  /// Name in [KernelCatalogue].
  @Param("")
  public String kernel;

  /// A [GptShape].
  @Param("")
  public String shape;

  /// Our backend.
  @Param("cpu")
  public String backendName;

  /// Its compute threads.
  @Param("2")
  public int computeThreads;

  private Backend backend;
  private KernelTensors tensors;
  private Runnable call;

  /// Opens the backend and allocates the operands.
  @Setup(Level.Trial)
  public void open() {
    backend = Backends.open(backendName, BackendOptions.threads(computeThreads));
    tensors = new KernelTensors(backend);
    TimedKernel timed = KernelCatalogue.find(GptShape.parse(shape, GptShape.SMALL), kernel);
    call = timed.factory().prepare(tensors);
  }

  /// The measured call.
  @Benchmark
  public void call() {
    call.run();
  }

  /// Frees everything; a leaked buffer fails the benchmark.
  @TearDown(Level.Trial)
  public void close() {
    tensors.close();
    backend.close();
  }
}
