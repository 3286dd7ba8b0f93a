package dev.bellows.trainer.config;

/// Section `run`: what the run is called and where it writes.
///
/// @param name letters, digits, `.`, `_` and `-`; the file's name without `.yaml` when left out
/// @param folder folder of the run's files, on any file system that has a store; `runs/<name>` when left out. A relative path is taken from
///     the driver's working directory
public record RunSection(@Default("") String name, @Default("") String folder) {
  public RunSection {
    Check.that(
        name.matches("[A-Za-z0-9._-]+"),
        "run.name",
        "run.name is '" + name + "'; it must be made of letters, digits, '.', '_' and '-'");
    folder = folder.isBlank() ? "runs/" + name : folder;
  }
}
