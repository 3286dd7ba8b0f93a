package dev.bellows.trainer.data;

import dev.bellows.trainer.config.DataSection;
import dev.bellows.trainer.config.RunConfig;
import java.util.Optional;

/// The data of a run, open.
///
/// @param train samples to learn from
/// @param validation held-out samples
/// @param classes different targets, the width of the logits
/// @param text how tokens become text; empty when the samples are no text
public record DataSplits(Dataset train, Dataset validation, int classes, Optional<ByteText> text) {
  /// Opens the data that section `data` describes; files are read from any file system that has a store, whole. Errors: [DataException].
  public static DataSplits open(RunConfig config) {
    DataSection data = config.data();
    return switch (data.kind()) {
      case TEXT -> text(config);
      case IDX -> {
        IdxDataset train = IdxDataset.train(data.path());
        yield of(train, IdxDataset.validation(data.path(), train));
      }
      case DIGITS ->
          of(
              new DigitsDataset(config.seed(), "train", data.samples()),
              new DigitsDataset(config.seed(), "validation", data.validationSamples()));
    };
  }

  private static DataSplits of(Dataset train, Dataset validation) {
    return new DataSplits(train, validation, train.layout().classes(), Optional.empty());
  }

  private static DataSplits text(RunConfig config) {
    DataSection data = config.data();
    int context = config.model().context();
    byte[] text = DataFiles.read(data.path(), "data.path must name a text file");
    if (!data.sha256().isEmpty()) {
      String actual = DataFiles.sha256(text);
      if (!actual.equals(data.sha256())) {
        throw new DataException(
            "the text in "
                + data.path()
                + " has the SHA-256 "
                + actual
                + ", but data.sha256 says "
                + data.sha256()
                + "; restore the file or correct the key");
      }
    }
    int border = (int) Math.floor(text.length * (1 - data.validation()));
    if (border < 2L * context || text.length - border < 2) {
      throw new DataException(
          "the text in "
              + data.path()
              + " has "
              + text.length
              + " bytes, of which data.validation "
              + data.validation()
              + " leaves "
              + border
              + " to train on and "
              + (text.length - border)
              + " to validate; model.context "
              + context
              + " needs "
              + 2L * context
              + " and 2");
    }
    int classes = config.model().vocabulary();
    return new DataSplits(
        TextDataset.train(text, 0, border, context, classes, config.seed()),
        TextDataset.validation(text, border, text.length, context, classes),
        classes,
        Optional.of(ByteText.INSTANCE));
  }
}
