package dev.bellows.jobs;

import dev.bellows.checkpointing.Block;
import dev.bellows.checkpointing.CheckpointReader;
import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.models.LanguageModel;
import dev.bellows.models.TextGenerator;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.storage.FileStore;
import dev.bellows.storage.FileStores;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.BackendOptions;
import dev.bellows.tensor.Backends;
import dev.bellows.tensor.DType;
import dev.bellows.trainer.config.GenerateSection;
import dev.bellows.trainer.config.RunConfig;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.data.SampleLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/// Continues a prompt with the model of a checkpoint, byte by byte.
final class Sampler {
  private static final int BYTES = 256;

  private final RunConfig config;
  private final String folder;

  /// A sampler from the checkpoint in `folder`, which was trained with `config`.
  Sampler(RunConfig config, String folder) {
    this.config = config;
    this.folder = folder;
  }

  /// The text that section `generate` asks for, prompt included.
  String sample() {
    if (!config.model().isLanguageModel()) {
      throw new BellowsException(
          ErrorCategory.CONFIGURATION,
          folder + " holds no language model, so it cannot generate text");
    }
    SampleLayout layout =
        new SampleLayout(
            DType.I32,
            config.model().context(),
            config.model().context(),
            config.model().vocabulary());
    Model model = new ConfiguredModels().create(config.model(), layout);
    try (Backend backend =
            Backends.open(config.backend().name(), BackendOptions.threads(threads()));
        ParameterStore store = new ParameterStore(backend, model.parameters())) {
      load(store);
      GenerateSection generate = config.generate();
      byte[] prompt = generate.prompt().getBytes(StandardCharsets.UTF_8);
      int[] ids = new int[prompt.length];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = prompt[i] & 0xFF;
      }
      int[] text =
          new TextGenerator(backend, (LanguageModel) model)
              .generate(
                  ids, generate.length(), generate.temperature(), generate.topK(), config.seed());
      return decode(text);
    }
  }

  private static int threads() {
    return Runtime.getRuntime().availableProcessors();
  }

  private void load(ParameterStore store) {
    try {
      FileStore files = FileStores.forPath(folder);
      try (CheckpointReader reader = CheckpointReader.open(files, folder)) {
        for (Parameter parameter : store.parameters()) {
          LogicalTensor tensor =
              new LogicalTensor(
                  parameter.name(), DType.F32, parameter.shape(), LogicalTensor.PARAMETER);
          reader.read(Block.whole(tensor), parameter.value().segment());
        }
        reader.ledger().skipRole(LogicalTensor.OPTIMIZER, "generating text needs no optimizer");
        reader.ledger().finish();
      }
    } catch (IOException e) {
      throw new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
    }
  }

  private static String decode(int[] ids) {
    byte[] bytes = new byte[ids.length];
    for (int i = 0; i < ids.length; i++) {
      bytes[i] = (byte) (ids[i] < BYTES ? ids[i] : '?');
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
