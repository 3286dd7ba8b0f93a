package dev.bellows.trainer;

import dev.bellows.nn.GradientSink;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.StepBatch;
import dev.bellows.optimizers.GradientClipping;
import dev.bellows.optimizers.LossScaler;
import dev.bellows.optimizers.Schedule;
import dev.bellows.tensor.Backend;
import java.util.List;

/// Updates all weights at the end of the batch: reduce over ranks, vote, clip by the global norm, one optimizer step. The only caller of
/// [ModelPart#update]. Under a loss scale the step is left out when a gradient overflowed, on all ranks alike; the optimizer then counts one step less than
/// the run.
final class EndOfBatchSink implements GradientSink {
  private final Backend backend;
  private final ModelPart part;
  private final StepVote vote;
  private final boolean reportsLosses;
  private final Schedule schedule;
  private final double clip;
  private final LossScaler scaler;

  private long step;
  private double lossScale;
  private double dataSeconds;
  private int waitingFor;
  private StepRecord record;

  /// `reportsLosses`: of the ranks that compute the same losses, this one tells them.
  EndOfBatchSink(
      Backend backend,
      ModelPart part,
      StepVote vote,
      boolean reportsLosses,
      Schedule schedule,
      double clip,
      LossScaler scaler) {
    this.backend = backend;
    this.part = part;
    this.vote = vote;
    this.reportsLosses = reportsLosses;
    this.schedule = schedule;
    this.clip = clip;
    this.scaler = scaler;
  }

  /// The batch as the gradients of the next step are to be computed from.
  StepBatch scaled(StepBatch batch) {
    return scaler.isOn() ? new ScaledBatch(batch, scaler.scale()) : batch;
  }

  /// Prepares for step `step`, counted from 1.
  void begin(long step, double lossScale, double dataSeconds, boolean stop) {
    this.step = step;
    this.lossScale = lossScale;
    this.dataSeconds = dataSeconds;
    waitingFor = part.parameterCount();
    record = null;
    vote.setStop(stop);
  }

  @Override
  public void endGroup(int group, double lossSum) {
    if (reportsLosses) {
      vote.setLoss(group, lossSum);
    }
    part.endGroup(group);
  }

  @Override
  public void ready(List<Parameter> parameters) {
    for (Parameter parameter : parameters) {
      waitingFor -= parameter.isTied() ? 0 : 1;
    }
    if (waitingFor == 0) {
      update();
    }
  }

  private void update() {
    long start = System.nanoTime();
    part.reduce();
    double communication = (System.nanoTime() - start) / 1e9;
    vote.setTimes(dataSeconds, communication);
    vote.setMemoryPeak(backend.memory().peak());
    double lossFactor = scaler.scale();
    double squaredNorm = part.squaredNorm() / (lossFactor * lossFactor);
    double learningRate = schedule.at(step - 1);
    record = vote.exchange(step, squaredNorm, lossScale, learningRate, scaler.canBackOff());
    // All ranks hold the same norm, so all skip or none does.
    scaler.record(!record.skipped());
    if (!record.skipped()) {
      double scale = clip > 0 ? GradientClipping.scale(squaredNorm, clip) : 1;
      part.update(step - scaler.skipped(), learningRate, scale / lossFactor);
    }
  }

  /// The record of the step that [#begin] began, once every parameter was ready.
  StepRecord record() {
    if (record == null) {
      throw new IllegalStateException(waitingFor + " parameters were never ready in step " + step);
    }
    return record;
  }
}
