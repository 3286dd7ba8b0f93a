package dev.bellows.trainer.data;

import java.nio.charset.StandardCharsets;

/// The vocabulary of byte-level text: token `i` is byte `i`.
public final class ByteText {
  /// Different tokens.
  public static final int VOCABULARY = 256;

  /// The one vocabulary.
  static final ByteText INSTANCE = new ByteText();

  private ByteText() {}

  /// The tokens of `text` in UTF-8.
  public int[] encode(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] tokens = new int[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      tokens[i] = bytes[i] & 0xFF;
    }
    return tokens;
  }

  /// The text of `tokens`; what is no UTF-8 becomes U+FFFD, as does a token beyond the bytes.
  public String decode(int[] tokens) {
    byte[] bytes = new byte[tokens.length];
    for (int i = 0; i < tokens.length; i++) {
      bytes[i] = (byte) (tokens[i] >= 0 && tokens[i] < VOCABULARY ? tokens[i] : 0xFF);
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
