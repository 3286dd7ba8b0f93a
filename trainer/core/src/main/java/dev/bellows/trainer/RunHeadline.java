package dev.bellows.trainer;

/// What the start banner says of a run beyond what its workers report.
///
/// @param name of the run
/// @param configHash SHA-256 of the resolved configuration
/// @param seed of all randomness
/// @param versions Bellows, Java and Spark
/// @param launcher how the workers were started
/// @param mesh degrees of the mesh, and what the data axis shares out
/// @param model one line: kind and sizes
/// @param parameters trainable elements
/// @param batch one line: how the global batch is made
/// @param rowsPerSample rows of logits of one sample: tokens for a language model
/// @param firstStep steps completed before this attempt
/// @param lastStep steps of the whole run
/// @param resumed what the run resumes from, or empty
public record RunHeadline(
    String name,
    String configHash,
    long seed,
    String versions,
    String launcher,
    String mesh,
    String model,
    long parameters,
    String batch,
    int rowsPerSample,
    long firstStep,
    long lastStep,
    String resumed) {}
