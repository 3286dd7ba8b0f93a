package dev.bellows.tensor;

/// The element type of a tensor.
public enum DType {
  /// IEEE binary64; only the scalar oracle computes in it.
  F64(8, true),
  /// IEEE binary32, the type of master weights and optimizer state.
  F32(4, true),
  /// The upper half of a binary32.
  BF16(2, true),
  /// IEEE binary16.
  F16(2, true),
  /// Signed 64-bit integer.
  I64(8, false),
  /// Signed 32-bit integer, the type of token and class ids.
  I32(4, false),
  /// Unsigned byte.
  U8(1, false),
  /// One byte, 0 or 1.
  BOOL(1, false);

  private final int bytes;
  private final boolean floating;

  DType(int bytes, boolean floating) {
    this.bytes = bytes;
    this.floating = floating;
  }

  /// Bytes of one element.
  public int bytes() {
    return bytes;
  }

  /// Whether the type is a floating-point type.
  public boolean isFloating() {
    return floating;
  }
}
