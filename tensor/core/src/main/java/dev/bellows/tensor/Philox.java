package dev.bellows.tensor;

/// Counter-based random numbers: Philox-4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
///
/// A stream is named by a seed and a [Purpose], narrowed by [#derive] (a parameter's name hash, a step, a sample); number `i`
/// of a stream is a pure function of both. Nothing is stored, and any layout draws the same numbers. Immutable.
public final class Philox {
  /// What numbers are drawn for; two purposes never share a stream.
  public enum Purpose {
    INITIALISATION,
    DATA_ORDER,
    DATA_AUGMENTATION,
    DROPOUT,
    SAMPLING,
    TEST
  }

  private static final int M0 = 0xD2511F53;
  private static final int M1 = 0xCD9E8D57;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;

  private final long key;

  private Philox(long key) {
    this.key = key;
  }

  /// The stream of `seed` for `purpose`.
  public static Philox of(long seed, Purpose purpose) {
    return new Philox(mix(seed)).derive(purpose.ordinal() + 1L);
  }

  /// The stream named by `id` inside this one.
  public Philox derive(long id) {
    return new Philox(mix(key ^ mix(id + 0x9E3779B97F4A7C15L)));
  }

  /// The stream named by `name` inside this one; equal names give equal streams.
  public Philox derive(String name) {
    long hash = 0xCBF29CE484222325L;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001B3L;
    }
    return derive(hash);
  }

  /// Finaliser of SplitMix64.
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /// The 64-bit key, for kernels that draw the same numbers.
  public long key() {
    return key;
  }

  /// Writes the four 32-bit words of block `counter` to `out`.
  public void block(long counter, int[] out) {
    block(key, counter, 0L, out);
  }

  /// Writes the four words of the 128-bit counter (`high`, `low`) under `key` to `out`.
  static void block(long key, long low, long high, int[] out) {
    int c0 = (int) low;
    int c1 = (int) (low >>> 32);
    int c2 = (int) high;
    int c3 = (int) (high >>> 32);
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < 10; round++) {
      long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
      long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
      c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      c1 = (int) p1;
      c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c3 = (int) p0;
      k0 += W0;
      k1 += W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

  /// Number `index` as 64 random bits. [#bits], [#uniform], [#below] and [#normal] of one index share their bits: draw different quantities
  /// from different streams or indices.
  public long bits(long index) {
    int[] words = new int[4];
    block(index, words);
    return (words[0] & 0xFFFFFFFFL) | ((long) words[1] << 32);
  }

  /// Number `index`, uniform in [0, 1).
  public double uniform(long index) {
    return (bits(index) >>> 11) * 0x1.0p-53;
  }

  /// Number `index`, uniform in [0, bound), for a bound of 1 or more; the bias is below bound / 2^64.
  public long below(long index, long bound) {
    if (bound < 1) {
      throw new IllegalArgumentException("there is no number below " + bound + " to draw");
    }
    return Math.unsignedMultiplyHigh(bits(index), bound);
  }

  /// Number `index` of the standard normal distribution (Box and Muller).
  public double normal(long index) {
    int[] words = new int[4];
    block(index, words);
    double u = ((words[0] & 0xFFFFFFFFL) + 1.0) * 0x1.0p-32;
    double v = (words[1] & 0xFFFFFFFFL) * 0x1.0p-32;
    return StrictMath.sqrt(-2.0 * StrictMath.log(u)) * StrictMath.cos(2.0 * Math.PI * v);
  }
}
