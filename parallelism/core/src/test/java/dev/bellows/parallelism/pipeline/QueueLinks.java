package dev.bellows.parallelism.pipeline;

import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.TimeUnit;

/// Links of the stages of one JVM: one bounded queue for each direction between two stages. A wait that outlasts the limit fails, and so does
/// a message that comes out of order.
final class QueueLinks<T> implements StageLink<T> {
  private record Route(int fromStage, int toStage) {}

  private record Parcel<T>(PipelineMessage message, T value) {}

  private final int bound;
  private final long limitMillis;
  private final Map<Route, BlockingQueue<Parcel<T>>> queues = new ConcurrentHashMap<>();

  /// Each queue takes `bound` messages before one is received; with 0 a send waits for its receive.
  QueueLinks(int bound, long limitMillis) {
    this.bound = bound;
    this.limitMillis = limitMillis;
  }

  /// Whether every message was received.
  boolean isEmpty() {
    return queues.values().stream().allMatch(BlockingQueue::isEmpty);
  }

  private BlockingQueue<Parcel<T>> queue(PipelineMessage message) {
    if (message.isLocal()) {
      throw new IllegalStateException(message.describe() + " reached a link");
    }
    return queues.computeIfAbsent(
        new Route(message.fromStage(), message.toStage()),
        route -> bound == 0 ? new SynchronousQueue<>() : new ArrayBlockingQueue<>(bound));
  }

  @Override
  public void send(PipelineMessage message, T value) {
    try {
      if (!queue(message).offer(new Parcel<>(message, value), limitMillis, TimeUnit.MILLISECONDS)) {
        throw new IllegalStateException("nobody received " + message.describe());
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted", e);
    }
  }

  @Override
  public T receive(PipelineMessage message) {
    try {
      Parcel<T> parcel = queue(message).poll(limitMillis, TimeUnit.MILLISECONDS);
      if (parcel == null) {
        throw new IllegalStateException("nobody sent " + message.describe());
      }
      if (!parcel.message().equals(message)) {
        throw new IllegalStateException(
            parcel.message().describe() + " came before " + message.describe());
      }
      return parcel.value();
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted", e);
    }
  }
}
