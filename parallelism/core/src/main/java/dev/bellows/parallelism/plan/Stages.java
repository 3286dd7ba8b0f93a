package dev.bellows.parallelism.plan;

import dev.bellows.nn.Unit;
import dev.bellows.parallelism.pipeline.ModelCut;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Which stage of a pipeline holds which layers: contiguous chunks, dealt to the stages in turn. What lies before the first layer belongs to the first
/// chunk, what lies behind the last to the last. Immutable.
///
/// @param pipeline number of stages
/// @param firstLayers first layer of each chunk, and the number of layers; chunk c belongs to stage c mod `pipeline`
public record Stages(int pipeline, List<Integer> firstLayers) {
  public Stages {
    firstLayers = List.copyOf(firstLayers);
  }

  /// The balance of least time: among all cuts into chunks of at least one layer those whose slowest chunk has the fewest FLOPs, and of these one whose
  /// fullest chunk has the fewest bytes. `flops` and `bytes` are those of each unit: before, layers, behind. By dynamic programming,
  /// O(layers² · chunks). Errors: [IllegalArgumentException] in one sentence when there are fewer layers than chunks.
  public static Stages balance(double[] flops, double[] bytes, int pipeline, int chunksPerStage) {
    int layers = flops.length - 2;
    int chunks = pipeline * chunksPerStage;
    if (layers < chunks) {
      throw new IllegalArgumentException(
          "parallel.pipeline is "
              + pipeline
              + (chunksPerStage > 1 ? " with " + chunksPerStage + " chunks of layers a stage" : "")
              + ", but the model has "
              + layers
              + (layers == 1 ? " layer; each " : " layers; each ")
              + (chunksPerStage > 1 ? "chunk" : "stage")
              + " needs one, so it must be "
              + (layers < 2 * chunksPerStage ? "1" : layers / chunksPerStage + " or less"));
    }
    double[] time = merged(flops);
    double[] memory = merged(bytes);
    double[] none = new double[layers];
    double least = new Cut(time, none, Double.POSITIVE_INFINITY, chunks).least();
    // Sums of the same numbers in another order may differ in the last bits.
    return new Stages(pipeline, new Cut(memory, time, least * (1 + 1e-9), chunks).first());
  }

  /// The costs of the layers, what lies before and behind added to the first and last.
  private static double[] merged(double[] units) {
    double[] layers = new double[units.length - 2];
    System.arraycopy(units, 1, layers, 0, layers.length);
    layers[0] += units[0];
    layers[layers.length - 1] += units[units.length - 1];
    return layers;
  }

  /// Number of chunks.
  public int chunks() {
    return firstLayers.size() - 1;
  }

  /// The stage of `chunk`.
  public int stageOfChunk(int chunk) {
    return chunk % pipeline;
  }

  /// The chunk that holds `unit`.
  public int chunkOfUnit(int unit) {
    int layer = Math.clamp(unit - 1, 0, firstLayers.getLast() - 1);
    int chunk = 0;
    while (firstLayers.get(chunk + 1) <= layer) {
      chunk++;
    }
    return chunk;
  }

  /// The stage that holds `unit`.
  public int stageOfUnit(int unit) {
    return stageOfChunk(chunkOfUnit(unit));
  }

  /// The units of `stage`, ascending.
  public List<Integer> units(int stage) {
    List<Integer> units = new ArrayList<>();
    for (int unit = 0; unit <= firstLayers.getLast() + 1; unit++) {
      if (stageOfUnit(unit) == stage) {
        units.add(unit);
      }
    }
    return units;
  }

  /// The `units` of a model cut into chunks of its layers; all in one where there is one chunk, whatever they are. Errors: [IllegalArgumentException] when the model has another number of layers.
  public ModelCut cut(List<Unit> units) {
    if (chunks() == 1) {
      return new ModelCut(1, List.of(units));
    }
    List<List<Unit>> cut = new ArrayList<>();
    for (int chunk = 0; chunk < chunks(); chunk++) {
      cut.add(new ArrayList<>());
    }
    int layer = 0;
    for (Unit unit : units) {
      int chunk =
          switch (unit.position()) {
            case BEFORE -> 0;
            case LAYER -> chunkOfUnit(++layer);
            case BEHIND -> chunks() - 1;
          };
      cut.get(chunk).add(unit);
    }
    if (layer != firstLayers.getLast()) {
      throw new IllegalArgumentException(
          "the stages are for " + firstLayers.getLast() + " layers, but the model has " + layer);
    }
    return new ModelCut(pipeline, cut);
  }

  /// The cut of layers into chunks whose largest cost is least, no chunk exceeding a limit on a second cost.
  private static final class Cut {
    private final int layers;
    private final int chunks;
    private final double[][] best;
    private final int[][] from;

    Cut(double[] cost, double[] limited, double limit, int chunks) {
      this.layers = cost.length;
      this.chunks = chunks;
      this.best = new double[chunks + 1][layers + 1];
      this.from = new int[chunks + 1][layers + 1];
      for (double[] row : best) {
        Arrays.fill(row, Double.POSITIVE_INFINITY);
      }
      best[0][0] = 0;
      for (int chunk = 1; chunk <= chunks; chunk++) {
        for (int end = chunk; end <= layers; end++) {
          extend(cost, limited, limit, chunk, end);
        }
      }
    }

    private void extend(double[] cost, double[] limited, double limit, int chunk, int end) {
      double sum = 0;
      double other = 0;
      for (int start = end - 1; start >= chunk - 1; start--) {
        sum += cost[start];
        other += limited[start];
        double worst = Math.max(sum, best[chunk - 1][start]);
        if (other <= limit && worst < best[chunk][end]) {
          best[chunk][end] = worst;
          from[chunk][end] = start;
        }
      }
    }

    double least() {
      return best[chunks][layers];
    }

    List<Integer> first() {
      List<Integer> first = new ArrayList<>(List.of(layers));
      int end = layers;
      for (int chunk = chunks; chunk >= 1; chunk--) {
        end = from[chunk][end];
        first.addFirst(end);
      }
      return first;
    }
  }
}
