package dev.bellows.trainer.config;

/// Section `generate`: the sample of text at the end of a run.
///
/// @param prompt text that the sample goes on from, at least one byte; default a line break
/// @param length bytes to generate; 0, the default: no sample
/// @param temperature divides the logits; 0 takes the likeliest byte; default 0.8
/// @param topK draws from the so many likeliest bytes only; 0, the default: from all
public record GenerateSection(
    @Default("\n") String prompt,
    @Default("0") int length,
    @Default("0.8") double temperature,
    @Default("0") int topK) {
  public GenerateSection {
    Check.that(
        !prompt.isEmpty(),
        "generate.prompt",
        "generate.prompt is empty; it must be at least one character, such as a line break");
    Check.atLeast("generate.length", length, 0);
    Check.notNegative("generate.temperature", temperature);
    Check.atLeast("generate.topK", topK, 0);
  }
}
