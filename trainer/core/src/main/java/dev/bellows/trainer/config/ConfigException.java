package dev.bellows.trainer.config;

/// A configuration that cannot be run. The message is one sentence: where, which key, its value, and what would be right.
public final class ConfigException extends RuntimeException {
  private final String source;
  private final String key;
  private final String reason;

  /// `reason` is the sentence, `key` the dotted key that it is about.
  public ConfigException(String key, String reason) {
    this("", key, reason);
  }

  private ConfigException(String source, String key, String reason) {
    super(source.isEmpty() ? reason : source + ": " + reason);
    this.source = source;
    this.key = key;
    this.reason = reason;
  }

  /// The same error, found in `place`: a file, or an override. The first place named stays.
  ConfigException in(String place) {
    if (!source.isEmpty()) {
      return this;
    }
    ConfigException located = new ConfigException(place, key, reason);
    located.setStackTrace(getStackTrace());
    return located;
  }

  /// The dotted key that the error is about, empty when it is about the whole file.
  public String key() {
    return key;
  }

  /// The error category, for exit codes and counters.
  public String category() {
    return "configuration";
  }
}
