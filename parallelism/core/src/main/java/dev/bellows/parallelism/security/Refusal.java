package dev.bellows.parallelism.security;

/// Why a packet was dropped.
public enum Refusal {
  /// Too short, without encryption, or of another run, generation or version.
  FOREIGN("of no, another or an older run"),
  /// Made with another key, or changed on its way.
  FORGED("not sealed with the run's key"),
  /// Already taken, or not yet due.
  REPLAYED("repeated or out of turn");

  private final String words;

  Refusal(String words) {
    this.words = words;
  }

  /// The reason for a log line.
  public String words() {
    return words;
  }
}
