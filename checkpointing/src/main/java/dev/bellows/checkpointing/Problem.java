package dev.bellows.checkpointing;

/// One thing that is wrong with a checkpoint.
///
/// @param file name of the file within the checkpoint's folder
/// @param tensor logical name, empty where no tensor is concerned
/// @param offset first byte in the file that is concerned, -1 where none is
/// @param length how many bytes from `offset` on are concerned; a checksum says no more than its chunk
/// @param message one sentence
public record Problem(String file, String tensor, long offset, long length, String message) {
  static Problem of(String file, String message) {
    return new Problem(file, "", -1, 0, message);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(file);
    if (!tensor.isEmpty()) {
      text.append(", tensor ").append(tensor);
    }
    if (offset >= 0) {
      text.append(", bytes ").append(offset).append(" to ").append(offset + length - 1);
    }
    return text.append(": ").append(message).toString();
  }
}
