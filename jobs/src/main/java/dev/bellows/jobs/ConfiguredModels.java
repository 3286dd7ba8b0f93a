package dev.bellows.jobs;

import dev.bellows.models.Cnn;
import dev.bellows.models.CnnConfig;
import dev.bellows.models.Gpt;
import dev.bellows.models.GptConfig;
import dev.bellows.models.Llama;
import dev.bellows.models.LlamaConfig;
import dev.bellows.models.Mlp;
import dev.bellows.models.MlpConfig;
import dev.bellows.nn.Model;
import dev.bellows.trainer.ModelFactory;
import dev.bellows.trainer.config.ModelSection;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.data.SampleLayout;

/// The models that a configuration can name.
final class ConfiguredModels implements ModelFactory {
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
      case CNN -> new Cnn(images(section, layout));
    };
  }

  private static CnnConfig images(ModelSection section, SampleLayout layout) {
    long plane = layout.inputElements() / section.imageChannels();
    int height =
        section.imageHeight() == 0 ? (int) Math.sqrt(plane) : section.imageHeight();
    long width = plane / height;
    if (section.imageChannels() * height * width != layout.inputElements()) {
      throw new BellowsException(
          ErrorCategory.CONFIGURATION,
          "the data's samples of "
              + layout.inputElements()
              + " features are no images of "
              + section.imageChannels()
              + " channels and "
              + height
              + " rows; model.imageChannels and model.imageHeight must be those of the data");
    }
    return new CnnConfig(
        section.imageChannels(),
        height,
        Math.toIntExact(width),
        section.channels().getFirst(),
        section.channels().getLast(),
        section.kernel(),
        layout.classes());
  }
}
