package dev.bellows.nn;

import dev.bellows.tensor.DType;
import dev.bellows.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// Tensor ranks on threads of one JVM that exchange through Java arrays: the plain form of a [TensorGroup], in every dtype.
public final class ThreadedRanks {
  /// What one rank does.
  @FunctionalInterface
  public interface Body {
    void run(TensorGroup group) throws Exception;
  }

  private final int size;
  private final boolean sequence;
  private final CyclicBarrier barrier;
  private final Object[] slots;

  private ThreadedRanks(int size, boolean sequence) {
    this.size = size;
    this.sequence = sequence;
    this.barrier = new CyclicBarrier(size);
    this.slots = new Object[size];
  }

  /// Runs `body` on `size` ranks and fails with the first failure of one.
  public static void run(int size, boolean sequence, Body body) throws Exception {
    ThreadedRanks ranks = new ThreadedRanks(size, sequence);
    List<Throwable> failures = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      Rank group = ranks.new Rank(rank);
      threads.add(
          Thread.ofPlatform()
              .name("tensor-rank-" + rank)
              .start(
                  () -> {
                    try {
                      body.run(group);
                    } catch (Throwable e) {
                      synchronized (failures) {
                        failures.add(e);
                      }
                      ranks.barrier.reset();
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      AssertionError error = new AssertionError("of " + size + " ranks", failures.getFirst());
      failures.stream().skip(1).forEach(error::addSuppressed);
      throw error;
    }
  }

  private void await() {
    try {
      barrier.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new IllegalStateException("another rank has left the common order", e);
    }
  }

  private final class Rank implements TensorGroup {
    private final int rank;

    Rank(int rank) {
      this.rank = rank;
    }

    /// Every rank's `mine`.
    private Object[] exchange(Object mine) {
      slots[rank] = mine;
      await();
      Object[] all = slots.clone();
      await();
      return all;
    }

    @Override
    public int rank() {
      return rank;
    }

    @Override
    public int size() {
      return size;
    }

    @Override
    public boolean isSequence() {
      return sequence;
    }

    private double[] total(Tensor x) {
      Object[] all = exchange(read(x));
      double[] sum = ((double[]) all[0]).clone();
      for (int peer = 1; peer < size; peer++) {
        for (int i = 0; i < sum.length; i++) {
          double next = sum[i] + ((double[]) all[peer])[i];
          sum[i] = x.dtype() == DType.F32 ? (float) next : next;
        }
      }
      return sum;
    }

    @Override
    public void sum(Tensor x) {
      write(total(x), 0, x);
    }

    @Override
    public void gatherRows(Tensor mine, Tensor all) {
      if (mine.shape().dim(0) != ownRows(all.shape().dim(0))) {
        throw new AssertionError(mine + " is no rank's rows of " + all);
      }
      long at = 0;
      for (Object part : exchange(mine.segment().toArray(ValueLayout.JAVA_BYTE))) {
        byte[] bytes = (byte[]) part;
        all.segment().asSlice(at, bytes.length).copyFrom(MemorySegment.ofArray(bytes));
        at += bytes.length;
      }
      if (at != all.bytes()) {
        throw new AssertionError("the ranks' rows have " + at + " bytes, " + all + " has others");
      }
    }

    @Override
    public void scatterRows(Tensor all, Tensor mine) {
      long first = firstRow(all.shape().dim(0), rank) * all.shape().dim(1);
      write(total(all), (int) first, mine);
    }

    @Override
    public double[][] gather(double[] mine) {
      Object[] all = exchange(mine.clone());
      double[][] result = new double[size][];
      for (int peer = 0; peer < size; peer++) {
        result[peer] = ((double[]) all[peer]).clone();
      }
      return result;
    }
  }

  private static double[] read(Tensor x) {
    double[] values = new double[(int) x.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          x.dtype() == DType.F64
              ? x.segment().getAtIndex(ValueLayout.JAVA_DOUBLE, i)
              : x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return values;
  }

  private static void write(double[] values, int start, Tensor x) {
    for (int i = 0; i < x.elements(); i++) {
      if (x.dtype() == DType.F64) {
        x.segment().setAtIndex(ValueLayout.JAVA_DOUBLE, i, values[start + i]);
      } else {
        x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[start + i]);
      }
    }
  }
}
