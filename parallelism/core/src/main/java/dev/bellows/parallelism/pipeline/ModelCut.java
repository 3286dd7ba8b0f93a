package dev.bellows.parallelism.pipeline;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.Unit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;

/// A model cut into chunks for the stages of a pipeline: chunk c belongs to stage c mod p, as in [PipelineSchedule].
///
/// A parameter that has uses on several stages (tied embeddings) is *shared*: each of these stages holds a copy of its value and a gradient sum of every
/// use, of which it computes its own; [TiedGradients] exchanges them. Immutable.
public final class ModelCut {
  private final int stages;
  private final List<List<Unit>> chunks;
  private final Map<Parameter, Integer> chunkOf = new LinkedHashMap<>();

  /// The cut into these `chunks` of units, in forward order, for `stages` stages. Errors: [IllegalArgumentException] unless each stage gets equally many
  /// chunks and each chunk at least one unit.
  public ModelCut(int stages, List<? extends List<Unit>> chunks) {
    this.stages = stages;
    this.chunks = chunks.stream().<List<Unit>>map(List::copyOf).toList();
    if (stages < 1 || chunks.isEmpty() || chunks.size() % stages != 0) {
      throw new IllegalArgumentException(
          chunks.size() + " chunks cannot be dealt evenly to " + stages + " stages");
    }
    for (int chunk = 0; chunk < chunks.size(); chunk++) {
      if (chunks.get(chunk).isEmpty()) {
        throw new IllegalArgumentException(
            "chunk " + chunk + " of " + chunks.size() + " has no units; each needs one");
      }
      for (Unit unit : chunks.get(chunk)) {
        for (Parameter parameter : unit.parameters()) {
          chunkOf.put(parameter, chunk);
        }
      }
    }
  }

  /// Number of stages, p.
  public int stages() {
    return stages;
  }

  /// Number of chunks, a multiple of p.
  public int chunks() {
    return chunks.size();
  }

  /// The units of `chunk`, in forward order.
  public List<Unit> units(int chunk) {
    return chunks.get(chunk);
  }

  /// Elements of a row of what `chunk` hands on.
  public int width(int chunk) {
    return chunks.get(chunk).getLast().width();
  }

  /// The stage that holds `chunk`.
  public int stageOf(int chunk) {
    return chunk % stages;
  }

  /// The chunks of `stage`, ascending.
  public List<Integer> chunksOf(int stage) {
    return IntStream.range(0, chunks()).filter(chunk -> stageOf(chunk) == stage).boxed().toList();
  }

  /// All parameters that own a value, in the model's order.
  public List<Parameter> primaries() {
    return chunkOf.keySet().stream().filter(parameter -> !parameter.isTied()).toList();
  }

  /// The parameter `primary` and its tied uses, in forward order.
  public List<Parameter> uses(Parameter primary) {
    return chunkOf.keySet().stream().filter(use -> use.primary() == primary).toList();
  }

  /// The stage that computes the gradient of this use; that of a parameter also counts it in norms and writes it to checkpoints.
  public int stageOf(Parameter use) {
    return stageOf(chunkOf.get(use));
  }

  /// The stages that hold the value of `primary`, ascending.
  public SortedSet<Integer> holders(Parameter primary) {
    SortedSet<Integer> holders = new TreeSet<>();
    uses(primary).forEach(use -> holders.add(stageOf(use)));
    return holders;
  }

  /// What the [dev.bellows.nn.ParameterStore] of `chunk` places: the parameters and tied uses of its units. A shared parameter lies in the first chunk
  /// of its stage that uses it, and so do those of its uses that other stages compute.
  public List<Parameter> parameters(int chunk) {
    List<Parameter> placed = new ArrayList<>();
    List<Parameter> foreign = new ArrayList<>();
    for (Unit unit : chunks.get(chunk)) {
      for (Parameter parameter : unit.parameters()) {
        placed.add(parameter);
        if (home(parameter.primary(), stageOf(chunk)) == chunk) {
          uses(parameter.primary()).stream()
              .filter(use -> stageOf(use) != stageOf(chunk) && !foreign.contains(use))
              .forEach(foreign::add);
        }
      }
    }
    placed.addAll(foreign);
    return placed;
  }

  /// The first chunk of `stage` that uses `primary`.
  private int home(Parameter primary, int stage) {
    return uses(primary).stream()
        .map(chunkOf::get)
        .filter(chunk -> stageOf(chunk) == stage)
        .mapToInt(Integer::intValue)
        .min()
        .orElseThrow();
  }
}
