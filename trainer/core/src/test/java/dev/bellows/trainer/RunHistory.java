package dev.bellows.trainer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// What a run's `metrics.jsonl` tells. Doubles have all their bits there, so equal texts are equal bits.
///
/// @param steps one text for each step event in the file's order: number, loss, gradient norm, learning rate
/// @param losses of the step events
/// @param evaluations one text for each evaluation: step, loss, accuracy, rows
/// @param events names of all events
record RunHistory(
    List<String> steps, List<Double> losses, List<String> evaluations, List<String> events) {
  static RunHistory read(Path file) {
    RunHistory history =
        new RunHistory(new ArrayList<>(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    try {
      for (String line : Files.readAllLines(file)) {
        history.add(new ObjectMapper().readTree(line));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return history;
  }

  private void add(JsonNode line) {
    String event = line.get("event").asText();
    events.add(event);
    switch (event) {
      case "step" -> {
        steps.add(fields(line, "step", "loss", "grad_norm", "learning_rate", "samples"));
        losses.add(line.get("loss").asDouble());
      }
      case "evaluation" -> evaluations.add(fields(line, "step", "loss", "accuracy", "rows"));
      default -> {}
    }
  }

  private static String fields(JsonNode line, String... names) {
    List<String> values = new ArrayList<>();
    for (String name : names) {
      values.add(name + " " + line.get(name).asText());
    }
    return String.join(", ", values);
  }
}
