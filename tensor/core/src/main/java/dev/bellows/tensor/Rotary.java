package dev.bellows.tensor;

/// How rotary position embedding turns packed heads (Su et al. 2021), in the non-interleaved form of Llama: elements i and i + headWidth / 2 of a
/// head are one pair, turned by the angle position · theta^(-2i / headWidth).
///
/// @param time positions of each sequence; the position of row r is r modulo `time`
/// @param heads leading heads of a row that are turned: query heads, then key heads; what follows them is copied
/// @param headWidth elements of one head, even
/// @param theta base of the wave lengths, above 0; 10000 in Llama 2, 500000 in Llama 3
/// @param inverse turns back, which is the gradient of turning
public record Rotary(int time, int heads, int headWidth, double theta, boolean inverse) {
  public Rotary {
    if (time < 1 || heads < 1 || headWidth < 2 || headWidth % 2 != 0 || !(theta > 0)) {
      throw new IllegalArgumentException(
          "rotary embedding needs positive sizes, an even headWidth and a theta above 0, not time "
              + time
              + ", heads "
              + heads
              + ", headWidth "
              + headWidth
              + ", theta "
              + theta);
    }
  }

  /// The same pairs turned the other way.
  public Rotary inverted() {
    return new Rotary(time, heads, headWidth, theta, !inverse);
  }

  /// Angle of pair `index` at position 1. [StrictMath], so that all backends build the same table.
  public double frequency(int index) {
    return StrictMath.pow(theta, -2.0 * index / headWidth);
  }
}
