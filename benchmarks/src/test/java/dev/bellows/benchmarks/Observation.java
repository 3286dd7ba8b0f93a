package dev.bellows.benchmarks;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/// What training a side for [#STEPS] steps showed.
///
/// @param logits of the first batch with the first weights
/// @param losses of each step
/// @param gradients of the first step by weight
/// @param values after the last step by weight
record Observation(
    float[] logits, float[] losses, Map<String, float[]> gradients, Map<String, float[]> values) {
  /// Optimizer steps.
  static final int STEPS = 10;

  /// Trains `side`, which stays the caller's.
  static Observation of(ModelShape shape, TrainingSide side) {
    float[] logits = side.logits();
    float[] losses = new float[STEPS];
    losses[0] = (float) side.step();
    Map<String, float[]> gradients = new LinkedHashMap<>();
    shape.weights().forEach(weight -> gradients.put(weight.name(), side.gradient(weight)));
    for (int step = 1; step < STEPS; step++) {
      losses[step] = (float) side.step();
    }
    Map<String, float[]> values = new LinkedHashMap<>();
    shape.weights().forEach(weight -> values.put(weight.name(), side.value(weight)));
    return new Observation(logits, losses, gradients, values);
  }

  void write(Path file) throws IOException {
    try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(file))) {
      write(out, logits);
      write(out, losses);
      write(out, gradients);
      write(out, values);
    }
  }

  private static void write(DataOutputStream out, Map<String, float[]> tensors) throws IOException {
    out.writeInt(tensors.size());
    for (Map.Entry<String, float[]> tensor : tensors.entrySet()) {
      out.writeUTF(tensor.getKey());
      write(out, tensor.getValue());
    }
  }

  private static void write(DataOutputStream out, float[] values) throws IOException {
    out.writeInt(values.length);
    for (float value : values) {
      out.writeFloat(value);
    }
  }

  static Observation read(Path file) throws IOException {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
      return new Observation(values(in), values(in), tensors(in), tensors(in));
    }
  }

  private static Map<String, float[]> tensors(DataInputStream in) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    int count = in.readInt();
    for (int i = 0; i < count; i++) {
      String name = in.readUTF();
      tensors.put(name, values(in));
    }
    return tensors;
  }

  private static float[] values(DataInputStream in) throws IOException {
    float[] values = new float[in.readInt()];
    for (int i = 0; i < values.length; i++) {
      values[i] = in.readFloat();
    }
    return values;
  }
}
