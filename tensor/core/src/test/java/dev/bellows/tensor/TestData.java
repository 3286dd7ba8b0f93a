package dev.bellows.tensor;

/// Random test data, a function of a seed and a name. The seed is `-Dbellows.test.seed`, 1 unless set; reports name it.
final class TestData {
  static final long SEED = Long.getLong("bellows.test.seed", 1);

  private final Philox random;
  private long next;

  TestData(String name) {
    random = Philox.of(SEED, Philox.Purpose.TEST).derive(name);
  }

  /// `count` normal numbers of deviation `deviation` around `mean`.
  float[] normals(long count, double mean, double deviation) {
    float[] values = new float[Math.toIntExact(count)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (mean + deviation * random.normal(next++));
    }
    return values;
  }

  /// `count` standard normal numbers.
  float[] normals(long count) {
    return normals(count, 0, 1);
  }

  /// `count` ids below `bound`; both ends occur if there is room.
  int[] ids(int count, int bound) {
    int[] values = new int[count];
    for (int i = 0; i < count; i++) {
      values[i] = i == 1 ? bound - 1 : i == 2 ? 0 : (int) random.below(next++, bound);
    }
    return values;
  }
}
