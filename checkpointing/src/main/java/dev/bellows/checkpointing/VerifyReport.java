package dev.bellows.checkpointing;

import java.util.List;

/// What a verification found.
///
/// @param problems everything that is wrong; empty for a good checkpoint
/// @param strays files in the folder that do not belong to the checkpoint and do no harm
/// @param bytes how many bytes of parts were checked
public record VerifyReport(List<Problem> problems, List<String> strays, long bytes) {
  public VerifyReport {
    problems = List.copyOf(problems);
    strays = List.copyOf(strays);
  }

  /// Whether nothing is wrong.
  public boolean valid() {
    return problems.isEmpty();
  }
}
