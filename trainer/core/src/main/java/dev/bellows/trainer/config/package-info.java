/// The configuration of a run: one YAML file plus `key=value` overrides become immutable records that check themselves.
///
/// Start at [dev.bellows.trainer.config.ConfigLoader] and [dev.bellows.trainer.config.RunConfig]; each section of the file is a record in a file of
/// its own, whose components are the keys.
package dev.bellows.trainer.config;
