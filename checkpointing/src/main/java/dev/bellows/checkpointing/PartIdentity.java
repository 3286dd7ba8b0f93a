package dev.bellows.checkpointing;

/// Who writes a part. It makes file names unique, so that a writer that was fenced off and wakes up harms nobody; it says nothing of what
/// the part holds.
///
/// @param saveId the save the part belongs to: 8 to 64 letters, digits and `-`, the same for all writers of one save and never used again
/// @param generation number of the membership
/// @param rank the writer's rank in it
/// @param attempt attempt number of the writer's task
public record PartIdentity(String saveId, int generation, int rank, int attempt) {
  public PartIdentity {
    if (!Format.isSaveId(saveId)) {
      throw new IllegalArgumentException(
          "'" + saveId + "' is no save id: 8 to 64 letters, digits and '-'");
    }
    if (generation < 0 || rank < 0 || attempt < 0) {
      throw new IllegalArgumentException(
          "generation, rank and attempt are 0 or more, not "
              + generation
              + ", "
              + rank
              + ", "
              + attempt);
    }
  }

  /// Name of this writer's part `number`.
  String fileName(int number) {
    return "part-g" + generation + "-r" + rank + "-a" + attempt + "-" + number + ".safetensors";
  }
}
