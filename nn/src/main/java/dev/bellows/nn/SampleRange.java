package dev.bellows.nn;

/// Which samples of a run a micro-batch holds: what a layer must know of it beside its input.
///
/// @param count sequences or images
/// @param firstPlace place of the first one in the order in which the run consumes samples, see [Batch#firstSample]
public record SampleRange(int count, long firstPlace) {
  /// The samples of `batch`.
  public static SampleRange of(Batch batch) {
    return new SampleRange(batch.samples(), batch.firstSample());
  }
}
