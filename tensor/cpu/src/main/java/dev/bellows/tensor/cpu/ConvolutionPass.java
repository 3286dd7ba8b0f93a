package dev.bellows.tensor.cpu;

import static dev.bellows.tensor.cpu.Lanes.ALL;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import dev.bellows.tensor.Convolution;
import dev.bellows.tensor.MemoryPool;
import dev.bellows.tensor.Pooling;
import java.util.function.IntConsumer;

/// Convolution as a matrix product for each sample, by oneDNN's sgemm, and pooling; a tile is a sample, or a block of samples where gradients of
/// parameters are summed. The calling thread's OpenMP team must have size 1. Addresses are absolute, arguments are checked by the caller.
final class ConvolutionPass implements AutoCloseable {
  /// Partial sums of the parameters' gradients.
  private static final int BLOCKS = 16;

  private final ComputeTeam team;
  private final Workspace matrices;
  private final Workspace partials;

  ConvolutionPass(ComputeTeam team, MemoryPool memory) {
    this.team = team;
    this.matrices = new Workspace(memory, team.threads());
    this.partials = new Workspace(memory, 1);
  }

  private static int pixels(Convolution spec) {
    return spec.outHeight() * spec.outWidth();
  }

  private void requireMatrix(Convolution spec) {
    matrices.require(Math.max(64, 4L * spec.window() * pixels(spec)));
  }

  void forward(Convolution spec, long x, long weight, long bias, long y, int samples) {
    requireMatrix(spec);
    int pixels = pixels(spec);
    team.run(
        samples,
        (sample, worker) -> {
          long matrix = matrices.address(worker);
          long out = y + 4L * sample * spec.outElements();
          ConvolutionKernels.unfold(spec, x + 4L * sample * spec.inElements(), matrix);
          for (int channel = 0; channel < spec.outChannels(); channel++) {
            ElementwiseKernels.fill(
                out + 4L * channel * pixels, pixels, ALL.get(JAVA_FLOAT, bias + 4L * channel));
          }
          int window = spec.window();
          OneDnn.sgemm(
              false, false, spec.outChannels(), pixels, window, weight, window, matrix, pixels, 1f,
              out, pixels);
        });
  }

  void inputGradient(Convolution spec, long weight, long dy, long dx, int samples) {
    requireMatrix(spec);
    int pixels = pixels(spec);
    team.run(
        samples,
        (sample, worker) -> {
          long matrix = matrices.address(worker);
          long gradient = dy + 4L * sample * spec.outElements();
          int window = spec.window();
          OneDnn.sgemm(
              true, false, window, pixels, spec.outChannels(), weight, window, gradient, pixels,
              0f, matrix, pixels);
          ConvolutionKernels.fold(spec, matrix, dx + 4L * sample * spec.inElements());
        });
  }

  void weightGradient(
      Convolution spec,
      long x,
      long dy,
      long dweight,
      long dbias,
      boolean accumulate,
      int samples) {
    requireMatrix(spec);
    int each = Math.max(1, TileGrid.ceilDivide(samples, BLOCKS));
    int blocks = TileGrid.ceilDivide(samples, each);
    int weights = spec.outChannels() * spec.window();
    int stride = weights + spec.outChannels();
    partials.require(Math.max(64, 4L * blocks * stride));
    long sums = partials.address(0);
    team.run(
        blocks,
        (block, worker) -> {
          int first = block * each;
          int end = Math.min(samples, first + each);
          long sum = sums + 4L * block * stride;
          ElementwiseKernels.fill(sum, stride, 0f);
          for (int sample = first; sample < end; sample++) {
            addSample(
                spec,
                x + 4L * sample * spec.inElements(),
                dy + 4L * sample * spec.outElements(),
                matrices.address(worker),
                sum);
          }
        });
    ReductionKernels.combine(sums, blocks, stride, weights, dweight, accumulate);
    ReductionKernels.combine(
        sums + 4L * weights, blocks, stride, spec.outChannels(), dbias, accumulate);
  }

  /// Adds the gradients of one sample to the weights' sums and to the biases' behind them.
  private static void addSample(Convolution spec, long x, long dy, long matrix, long sum) {
    int pixels = pixels(spec);
    int window = spec.window();
    ConvolutionKernels.unfold(spec, x, matrix);
    OneDnn.sgemm(
        false, true, spec.outChannels(), window, pixels, dy, pixels, matrix, pixels, 1f, sum,
        window);
    long bias = sum + 4L * spec.outChannels() * window;
    for (int channel = 0; channel < spec.outChannels(); channel++) {
      long at = bias + 4L * channel;
      double own = ReductionKernels.sum(dy + 4L * channel * pixels, pixels);
      ALL.set(JAVA_FLOAT, at, (float) (ALL.get(JAVA_FLOAT, at) + own));
    }
  }

  void maxPool(Pooling spec, long x, long y, long places, int samples) {
    byPlanes(
        spec,
        samples,
        plane -> {
          long out = 4L * plane * spec.outHeight() * spec.outWidth();
          long in = 4L * plane * spec.height() * spec.width();
          PoolingKernels.forward(spec, x + in, y + out, places + out);
        });
  }

  void maxPoolBackward(Pooling spec, long places, long dy, long dx, int samples) {
    byPlanes(
        spec,
        samples,
        plane -> {
          long out = 4L * plane * spec.outHeight() * spec.outWidth();
          long in = 4L * plane * spec.height() * spec.width();
          PoolingKernels.backward(spec, places + out, dy + out, dx + in);
        });
  }

  private void byPlanes(Pooling spec, int samples, IntConsumer work) {
    int planes = samples * spec.channels();
    int each = CpuBackend.tileRows(spec.height() * spec.width());
    team.run(
        TileGrid.ceilDivide(planes, each),
        (tile, worker) -> {
          for (int i = tile * each; i < Math.min(planes, (tile + 1) * each); i++) {
            work.accept(i);
          }
        });
  }

  @Override
  public void close() {
    matrices.close();
    partials.close();
  }
}
