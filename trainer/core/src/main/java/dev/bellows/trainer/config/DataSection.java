package dev.bellows.trainer.config;

/// Section `data`: what the model learns from. A key that belongs to another kind is 0 or empty.
///
/// @param kind `text`, `idx` or `digits`
/// @param path text: a file, decompressed when its name ends in `.gz`; idx: a folder that holds the four MNIST files, plain or `.gz`;
///     it must be given. A relative path is taken from the driver's working directory
/// @param sha256 SHA-256 in hex of the text as trained on, that is after decompression; another text is refused. Empty, the default: not
///     checked (text)
/// @param validation fraction of the text, at its end, that is held out; above 0 and below 1, default 0.1 (text)
/// @param samples images in one epoch, default 60000 (digits)
/// @param validationSamples held-out images, default 10000 (digits)
public record DataSection(
    Kind kind,
    @ForKind({"text", "idx"}) @Default("") String path,
    @ForKind("text") @Default("") String sha256,
    @ForKind("text") @Default("0.1") double validation,
    @ForKind("digits") @Default("60000") long samples,
    @ForKind("digits") @Default("10000") long validationSamples) {
  /// The kinds of data.
  public enum Kind {
    /// One text, byte by byte.
    TEXT,
    /// Images and labels in the MNIST files' IDX format.
    IDX,
    /// Digits drawn from strokes; needs no file.
    DIGITS
  }

  public DataSection {
    switch (kind) {
      case TEXT -> {
        checkPath(path, "a text file", "corpus.txt");
        Check.that(
            sha256.isEmpty() || sha256.matches("[0-9a-f]{64}"),
            "data.sha256",
            "data.sha256 is '" + sha256 + "'; it must be 64 hexadecimal digits in lower case");
        Check.that(
            validation > 0 && validation < 1,
            "data.validation",
            "data.validation is " + validation + "; it must be a fraction above 0 and below 1");
      }
      case IDX -> checkPath(path, "the folder with the MNIST files", "mnist");
      case DIGITS -> {
        Check.atLeast("data.samples", samples, 1);
        Check.atLeast("data.validationSamples", validationSamples, 1);
      }
    }
  }

  private static void checkPath(String path, String what, String example) {
    Check.that(
        !path.isBlank(),
        "data.path",
        "data.path is not given; it must name " + what + ", such as data.path=/data/" + example);
  }
}
