package dev.bellows.tensor;

/// The sizes of 2-D pooling over square windows without padding; rows and columns that fill no window are left out. Samples lie as those of a
/// [Convolution].
///
/// @param channels channels, each pooled on its own
/// @param height rows of the input
/// @param width columns of the input
/// @param window side of a window
/// @param stride distance of neighbouring windows
public record Pooling(int channels, int height, int width, int window, int stride) {
  public Pooling {
    if (channels < 1 || window < 1 || stride < 1 || Math.min(height, width) < window) {
      throw new IllegalArgumentException(
          "pooling needs positive sizes and a window that fits into the image, not channels "
              + channels
              + ", height "
              + height
              + ", width "
              + width
              + ", window "
              + window
              + ", stride "
              + stride);
    }
  }

  /// Rows of the output.
  public int outHeight() {
    return (height - window) / stride + 1;
  }

  /// Columns of the output.
  public int outWidth() {
    return (width - window) / stride + 1;
  }

  /// Elements of one sample of the input.
  public int inElements() {
    return Math.multiplyExact(channels, height * width);
  }

  /// Elements of one sample of the output.
  public int outElements() {
    return Math.multiplyExact(channels, outHeight() * outWidth());
  }
}
