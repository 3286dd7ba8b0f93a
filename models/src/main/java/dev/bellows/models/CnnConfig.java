package dev.bellows.models;

/// The sizes of a [Cnn].
///
/// @param imageChannels channels of an image
/// @param height rows of an image
/// @param width columns of an image
/// @param firstChannels channels behind the first convolution
/// @param secondChannels channels behind the second convolution
/// @param kernel side of both kernels, odd; the padding keeps an image's size
/// @param classes classes to tell apart
public record CnnConfig(
    int imageChannels,
    int height,
    int width,
    int firstChannels,
    int secondChannels,
    int kernel,
    int classes) {
  public CnnConfig {
    if (imageChannels < 1 || firstChannels < 1 || secondChannels < 1 || classes < 1) {
      throw new IllegalArgumentException(
          "a CNN needs sizes of at least 1, not imageChannels "
              + imageChannels
              + ", channels "
              + firstChannels
              + " and "
              + secondChannels
              + ", classes "
              + classes);
    }
    if (height < 4 || width < 4 || kernel < 1 || kernel % 2 == 0) {
      throw new IllegalArgumentException(
          "a CNN needs images of at least 4 x 4, which it halves twice, and an odd kernel, not "
              + height
              + " x "
              + width
              + " and "
              + kernel);
    }
  }

  /// Elements of one image.
  int inputs() {
    return Math.multiplyExact(imageChannels, height * width);
  }
}
