package dev.bellows.parallelism.zero;

import dev.bellows.nn.Parameter;
import java.util.List;

/// Where the parameters and tied uses of one unit lie in flat buffers of the unit, and how these are shared out. Immutable.
///
/// @param values the parameters that the unit owns: those that may be cut, then those that go whole to one rank, by rank
/// @param uses the tied uses, which have gradients only, behind the values
/// @param regions how the values, and their gradients, are shared out
/// @param useRegions how the gradient of each of `uses` is shared out: as its primary's
/// @param lent the values of primaries of other units that the tied uses need, as regions of a buffer of their own
record UnitLayout(
    List<Placed> values,
    List<Placed> uses,
    List<Region> regions,
    List<Region> useRegions,
    List<Lent> lent,
    long valueElements,
    long gradientElements) {
  /// A parameter and where it starts in the unit's buffer.
  record Placed(Parameter parameter, long offset) {}

  /// The value of a parameter of another unit.
  record Lent(Parameter parameter, int home, Region region) {}
}
