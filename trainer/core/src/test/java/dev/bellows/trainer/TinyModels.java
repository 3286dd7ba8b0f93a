package dev.bellows.trainer;

import dev.bellows.models.Cnn;
import dev.bellows.models.CnnConfig;
import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.models.Mlp;
import dev.bellows.models.MlpConfig;
import dev.bellows.nn.Model;
import dev.bellows.trainer.config.ModelSection;
import dev.bellows.trainer.data.SampleLayout;

/// The models of the tests' configurations.
final class TinyModels implements ModelFactory {
  @Override
  public Model create(ModelSection section, SampleLayout layout) {
    return switch (section.kind()) {
      case GPT ->
          new Gpt(
              new GptConfig(
                  section.layers(),
                  section.heads(),
                  section.width(),
                  section.context(),
                  section.vocabulary(),
                  section.bias(),
                  section.dropout()));
      case LLAMA ->
          new Llama(
              new LlamaConfig(
                  section.layers(),
                  section.heads(),
                  section.keyValueHeads() == 0 ? section.heads() : section.keyValueHeads(),
                  section.width(),
                  section.intermediate() == 0
                      ? LlamaConfig.intermediateOf(section.width())
                      : section.intermediate(),
                  section.context(),
                  section.vocabulary(),
                  section.ropeTheta(),
                  section.tied(),
                  section.dropout()));
      case MLP ->
          new Mlp(
              new MlpConfig(
                  Math.toIntExact(layout.inputElements()), section.hidden(), layout.classes()));
      case CNN ->
          new Cnn(
              new CnnConfig(
                  1,
                  (int) Math.sqrt(layout.inputElements()),
                  (int) Math.sqrt(layout.inputElements()),
                  section.channels().getFirst(),
                  section.channels().getLast(),
                  section.kernel(),
                  layout.classes()));
    };
  }
}
