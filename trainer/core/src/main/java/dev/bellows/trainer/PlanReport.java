package dev.bellows.trainer;

import dev.bellows.nn.Shard;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.MeshAxis;
import dev.bellows.parallelism.plan.Placement;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.parallelism.plan.Stages;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// A [ParallelPlan] as text: mesh, shards, bytes, traffic, time.
public final class PlanReport {
  private final ParallelPlan plan;
  private final MachineProfile machine;
  private final List<String> lines = new ArrayList<>();

  private PlanReport(ParallelPlan plan, MachineProfile machine) {
    this.plan = plan;
    this.machine = machine;
  }

  /// The lines of `plan` on workers like `machine`; `all`: every parameter and every rank by itself.
  public static List<String> lines(ParallelPlan plan, MachineProfile machine, boolean all) {
    PlanReport report = new PlanReport(plan, machine);
    report.mesh(all);
    report.shards(all);
    report.bytes();
    report.wire();
    report.time();
    return List.copyOf(report.lines);
  }

  private void mesh(boolean all) {
    Mesh mesh = plan.mesh();
    Stages stages = plan.sharding().stages();
    lines.add(
        "mesh        "
            + mesh.worldSize()
            + " workers = pipeline "
            + mesh.pipeline()
            + " · data "
            + mesh.data()
            + " · context "
            + mesh.context()
            + " · tensor "
            + mesh.tensor());
    int perStage = mesh.worldSize() / mesh.pipeline();
    for (int stage = 0; stage < mesh.pipeline(); stage++) {
      lines.add(
          "stage "
              + stage
              + "     ranks "
              + range(stage * perStage, (stage + 1) * perStage)
              + ": "
              + layers(stages, stage));
    }
    for (int rank = 0; all && rank < mesh.worldSize(); rank++) {
      Mesh.Coordinates at = mesh.coordinates(rank);
      StringBuilder line = new StringBuilder("rank " + rank + "      ");
      for (MeshAxis axis : MeshAxis.values()) {
        line.append(axis.name().toLowerCase(Locale.ROOT)).append(' ').append(at.along(axis));
        line.append(" of ranks ").append(plan.mesh().group(rank, axis)).append("  ");
      }
      lines.add(line.toString().strip());
    }
    lines.add(
        String.format(
            Locale.ROOT,
            "schedule    %s%d micro-batches a step and data rank, bubble %.1f %%",
            mesh.pipeline() > 1 ? plan.kind() + ", " : "",
            plan.schedule().microBatches(),
            100 * plan.schedule().bubbleFraction()));
    lines.add(
        "batch tree  "
            + plan.config().batch().groups()
            + " groups; a data rank sends "
            + plan.treeTerms()
            + (plan.treeTerms() == 1 ? " term" : " terms")
            + " and holds at most "
            + plan.partialSums()
            + " partial sums");
  }

  private static String layers(Stages stages, int stage) {
    List<String> parts = new ArrayList<>();
    for (int chunk = stage; chunk < stages.chunks(); chunk += stages.pipeline()) {
      parts.add(range(stages.firstLayers().get(chunk), stages.firstLayers().get(chunk + 1)));
    }
    return "layers "
        + String.join(" and ", parts)
        + (stage == stages.stageOfUnit(0) ? " and what lies before them" : "")
        + (stage == stages.stageOfChunk(stages.chunks() - 1) ? " and what lies behind them" : "");
  }

  /// `2 to 4` for [2, 5).
  private static String range(long first, long end) {
    return first + 1 == end ? "" + first : first + " to " + (end - 1);
  }

  private void shards(boolean all) {
    ShardingPlan sharding = plan.sharding();
    Map<String, List<Placement>> groups =
        sharding.placements().stream()
            .collect(
                Collectors.groupingBy(
                    placement -> all ? placement.parameter().name() : placement.pattern(),
                    LinkedHashMap::new,
                    Collectors.toList()));
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("parameter", "number", "shape", "split", "stages", "tensor rank holds"));
    groups.forEach(
        (name, members) -> {
          Placement first = members.getFirst();
          rows.add(
              List.of(
                  name + (first.parameter().isTied() ? " (tied)" : ""),
                  "" + members.size(),
                  first.parameter().shape().toString(),
                  first.split().toString(),
                  members.stream()
                      .flatMap(member -> member.stages().stream())
                      .distinct()
                      .sorted()
                      .map(stage -> "" + stage)
                      .collect(Collectors.joining(", ")),
                  all ? everyRank(first) : ranks(first)));
        });
    table(rows);
  }

  private String ranks(Placement placement) {
    Shard first = plan.sharding().shard(placement, 0);
    Shard last = plan.sharding().shard(placement, plan.mesh().tensor() - 1);
    if (first.isWhole()) {
      return "all of it";
    }
    String shape = first.localShape().toString();
    return first.localShape().equals(last.localShape())
        ? shape
        : shape + ", the last ones " + last.localShape();
  }

  private String everyRank(Placement placement) {
    List<String> ranks = new ArrayList<>();
    for (int rank = 0; rank < plan.mesh().tensor(); rank++) {
      Shard shard = plan.sharding().shard(placement, rank);
      if (shard.isWhole()) {
        return "all of it";
      }
      ranks.add(
          rank
              + ": "
              + (shard.dim() == 0 ? "rows " : "columns ")
              + shard.pieces().stream()
                  .map(piece -> range(piece.start(), piece.end()))
                  .collect(Collectors.joining(" and ")));
    }
    return String.join("; ", ranks);
  }

  private void bytes() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of(
            "bytes of a worker",
            "weights",
            "bf16 operands",
            "gradients",
            "partial sums",
            "optimizer",
            "workspace",
            "activations",
            "total"));
    long most = 0;
    for (int zero = 0; zero <= 3; zero++) {
      for (int stage = 0; stage < plan.mesh().pipeline(); stage++) {
        DeviceBytes bytes = plan.bytes(stage, 0, zero);
        boolean chosen = zero == plan.config().parallel().zero();
        most = chosen ? Math.max(most, bytes.total()) : most;
        rows.add(
            List.of(
                name(zero, stage),
                size(bytes.parameters()),
                size(bytes.operands()),
                size(bytes.gradients()),
                size(bytes.partialSums()),
                size(bytes.optimizer()),
                size(bytes.workspace()),
                size(bytes.activations()),
                size(bytes.total())));
      }
    }
    table(rows);
    long limit = plan.config().workers().memory().bytes();
    lines.add(
        "memory      the fullest worker holds "
            + size(most)
            + " on its device beside the JVM's heap; workers.memory is "
            + size(limit)
            + (most > limit ? ": TOO LITTLE" : ""));
  }

  private void wire() {
    List<List<String>> rows = new ArrayList<>();
    rows.add(
        List.of("sent by a worker in a step", "pipeline", "data", "context", "tensor", "total"));
    for (int zero = 0; zero <= 3; zero++) {
      for (int stage = 0; stage < plan.mesh().pipeline(); stage++) {
        WireBytes bytes = plan.wire(stage, 0, zero);
        rows.add(
            List.of(
                name(zero, stage),
                size(bytes.pipeline()),
                size(bytes.data()),
                size(bytes.context()),
                size(bytes.tensor()),
                size(bytes.total())));
      }
    }
    table(rows);
  }

  private String name(int zero, int stage) {
    return "zero "
        + zero
        + (plan.mesh().pipeline() > 1 ? ", stage " + stage : "")
        + (zero == plan.config().parallel().zero() ? " (chosen)" : "");
  }

  private void time() {
    double compute = plan.computeSeconds(machine.flops());
    double wire = plan.wireSeconds(machine.bandwidth());
    lines.add("");
    lines.add(
        String.format(
            Locale.ROOT,
            "step        %.4g s = %.4g s of products, %.1f %% of it bubble, and %.4g s of sending"
                + " if nothing overlaps",
            compute + wire,
            compute,
            100 * plan.schedule().bubbleFraction(),
            wire));
    lines.add("assumed     " + machine.source());
  }

  /// Adds rows as columns of equal width, a blank line before them.
  private void table(List<List<String>> rows) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    lines.add("");
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < widths.length; i++) {
        line.append(row.get(i)).append(" ".repeat(widths[i] - row.get(i).length() + 2));
      }
      lines.add(line.toString().stripTrailing());
    }
  }

  /// `1.23 GiB`, `45.6 MiB`, `7.8 KiB`.
  private static String size(long bytes) {
    if (bytes == 0) {
      return "0";
    } else if (bytes >= 1L << 30) {
      return String.format(Locale.ROOT, "%.2f GiB", bytes / (double) (1L << 30));
    } else if (bytes >= 1L << 20) {
      return String.format(Locale.ROOT, "%.1f MiB", bytes / (double) (1L << 20));
    }
    return String.format(Locale.ROOT, "%.1f KiB", bytes / 1024.0);
  }
}
