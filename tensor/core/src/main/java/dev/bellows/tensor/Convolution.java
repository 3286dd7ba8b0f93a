package dev.bellows.tensor;

/// The sizes of a 2-D convolution, as deep learning has it (a correlation), with a square kernel. A sample is a row of all pixels of channel 0, then
/// of channel 1 and so on, each row by row; its borders are padded with zeros.
///
/// @param inChannels channels of the input
/// @param height rows of the input
/// @param width columns of the input
/// @param outChannels channels of the output
/// @param kernel side of the kernel
/// @param stride distance of neighbouring windows
/// @param padding zeros beyond each border
public record Convolution(
    int inChannels, int height, int width, int outChannels, int kernel, int stride, int padding) {
  public Convolution {
    if (inChannels < 1
        || height < 1
        || width < 1
        || outChannels < 1
        || kernel < 1
        || stride < 1
        || padding < 0
        || Math.min(height, width) + 2 * padding < kernel) {
      throw new IllegalArgumentException(
          "a convolution needs positive sizes and a kernel that fits into the padded image, not"
              + " inChannels "
              + inChannels
              + ", height "
              + height
              + ", width "
              + width
              + ", outChannels "
              + outChannels
              + ", kernel "
              + kernel
              + ", stride "
              + stride
              + ", padding "
              + padding);
    }
  }

  /// Rows of the output.
  public int outHeight() {
    return (height + 2 * padding - kernel) / stride + 1;
  }

  /// Columns of the output.
  public int outWidth() {
    return (width + 2 * padding - kernel) / stride + 1;
  }

  /// Elements of one sample of the input.
  public int inElements() {
    return Math.multiplyExact(inChannels, height * width);
  }

  /// Elements of one sample of the output.
  public int outElements() {
    return Math.multiplyExact(outChannels, outHeight() * outWidth());
  }

  /// Input elements that one output element is a sum over.
  public int window() {
    return inChannels * kernel * kernel;
  }
}
