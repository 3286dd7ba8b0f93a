package dev.bellows.trainer;

/// Where a run goes on.
///
/// @param step steps completed, 0 for a new run
/// @param folder the checkpoint's folder, empty for a new run
/// @param savedWorkers how many workers saved it
record ResumePoint(long step, String folder, int savedWorkers) {
  static final ResumePoint START = new ResumePoint(0, "", 0);

  String describe(int workers) {
    return folder.isEmpty()
        ? ""
        : "resumed at step "
            + step
            + " (saved on "
            + savedWorkers
            + (savedWorkers == 1 ? " worker" : " workers")
            + ", now "
            + workers
            + ")";
  }
}
