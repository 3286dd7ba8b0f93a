package dev.bellows.trainer.config;

/// The checks that the sections share. Each failure is a [ConfigException] of one sentence.
final class Check {
  private Check() {}

  static void atLeast(String key, long value, long least) {
    if (value < least) {
      throw new ConfigException(key, key + " is " + value + "; it must be " + least + " or more");
    }
  }

  static void between(String key, long value, long least, long most) {
    if (value < least || value > most) {
      throw new ConfigException(
          key, key + " is " + value + "; it must be from " + least + " to " + most);
    }
  }

  /// `value` must lie in [least, most).
  static void within(String key, double value, double least, double most) {
    if (!(value >= least && value < most)) {
      throw new ConfigException(
          key, key + " is " + value + "; it must be " + least + " or more and less than " + most);
    }
  }

  static void notNegative(String key, double value) {
    if (!(value >= 0 && Double.isFinite(value))) {
      throw new ConfigException(key, key + " is " + value + "; it must be a number of 0 or more");
    }
  }

  static void positive(String key, double value) {
    if (!(value > 0 && Double.isFinite(value))) {
      throw new ConfigException(key, key + " is " + value + "; it must be a number above 0");
    }
  }

  static void that(boolean condition, String key, String reason) {
    if (!condition) {
      throw new ConfigException(key, reason);
    }
  }
}
