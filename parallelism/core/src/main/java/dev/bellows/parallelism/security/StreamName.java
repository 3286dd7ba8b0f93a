package dev.bellows.parallelism.security;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;

/// What the key of a stream is bound to: the same bytes under another name do not open.
///
/// @param plane `data`, `control`
/// @param runId random number of the run's attempt
/// @param generation number of the membership
/// @param stream number of the stream in it
/// @param sender the sending attempt of a worker, in words
/// @param receiver the receiving one
public record StreamName(
    String plane, long runId, int generation, long stream, String sender, String receiver) {
  /// The name and what a key is for, in bytes that no other name or purpose has: each text follows its length.
  byte[] bytes(String purpose) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF("bellows 1");
      out.writeUTF(purpose);
      out.writeUTF(plane);
      out.writeLong(runId);
      out.writeInt(generation);
      out.writeLong(stream);
      out.writeUTF(sender);
      out.writeUTF(receiver);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
