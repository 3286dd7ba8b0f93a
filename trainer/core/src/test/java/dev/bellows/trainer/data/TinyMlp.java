package dev.bellows.trainer.data;

import java.util.SplittableRandom;

/// A perceptron with one hidden ReLU layer, or none, trained by plain SGD one sample at a time: what a data set must be learnable by.
final class TinyMlp {
  private final float[][] first;
  private final float[][] second;

  /// `hidden` 0: a linear classifier.
  TinyMlp(int inputs, int hidden, int classes, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    first = hidden == 0 ? new float[0][] : weights(hidden, inputs + 1, random);
    second = weights(classes, (hidden == 0 ? inputs : hidden) + 1, random);
  }

  /// One row per input, so that the inner loops run over outputs and vectorise; the last row is the bias.
  private static float[][] weights(int outputs, int inputs, SplittableRandom random) {
    float[][] weights = new float[inputs][outputs];
    for (int i = 0; i < inputs - 1; i++) {
      for (int o = 0; o < outputs; o++) {
        weights[i][o] = (float) (random.nextGaussian() * Math.sqrt(1.0 / inputs));
      }
    }
    return weights;
  }

  private static float[] apply(float[][] weights, float[] x, boolean relu) {
    float[] y = weights[x.length].clone();
    for (int i = 0; i < x.length; i++) {
      add(y, x[i], weights[i]);
    }
    for (int o = 0; relu && o < y.length; o++) {
      y[o] = Math.max(y[o], 0);
    }
    return y;
  }

  /// y += factor · x.
  private static void add(float[] y, float factor, float[] x) {
    for (int i = 0; i < y.length; i++) {
      y[i] += factor * x[i];
    }
  }

  TinyMlp train(float[][] images, int[] labels, int epochs, float rate) {
    for (int epoch = 0; epoch < epochs; epoch++) {
      float now = rate * (1 - (float) epoch / epochs);
      for (int i = 0; i < images.length; i++) {
        step(images[i], labels[i], now);
      }
    }
    return this;
  }

  private void step(float[] x, int label, float rate) {
    float[] hidden = first.length == 0 ? x : apply(first, x, true);
    float[] delta = softmax(apply(second, hidden, false));
    delta[label] -= 1;
    if (first.length > 0) {
      float[] back = new float[hidden.length];
      for (int i = 0; i < back.length; i++) {
        for (int o = 0; hidden[i] > 0 && o < delta.length; o++) {
          back[i] += second[i][o] * delta[o];
        }
      }
      update(first, x, back, rate);
    }
    update(second, hidden, delta, rate);
  }

  private static float[] softmax(float[] logits) {
    float most = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      most = Math.max(most, logit);
    }
    float sum = 0;
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) StrictMath.exp(logits[i] - most);
      sum += logits[i];
    }
    for (int i = 0; i < logits.length; i++) {
      logits[i] /= sum;
    }
    return logits;
  }

  private static void update(float[][] weights, float[] x, float[] delta, float rate) {
    for (int i = 0; i < x.length; i++) {
      add(weights[i], -rate * x[i], delta);
    }
    add(weights[x.length], -rate, delta);
  }

  double accuracy(float[][] images, int[] labels) {
    int right = 0;
    for (int i = 0; i < images.length; i++) {
      float[] logits =
          apply(second, first.length == 0 ? images[i] : apply(first, images[i], true), false);
      int best = 0;
      for (int c = 1; c < logits.length; c++) {
        best = logits[c] > logits[best] ? c : best;
      }
      right += best == labels[i] ? 1 : 0;
    }
    return (double) right / images.length;
  }
}
