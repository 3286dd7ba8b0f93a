package dev.bellows.parallelism.plan;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.Split;
import java.util.Set;

/// Where one parameter, or one tied use, of a model lies.
///
/// @param parameter the parameter or use
/// @param split how the tensor axis shares it
/// @param unit its layer: 0 before the first, 1 to L the layers, L + 1 behind the last
/// @param stages stages that hold it; more than one for a parameter with uses on several stages: each has the value and both gradient sums
/// @param pattern its name without the number of its layer
public record Placement(
    Parameter parameter, Split split, int unit, Set<Integer> stages, String pattern) {
  public Placement {
    stages = Set.copyOf(stages);
  }
}
