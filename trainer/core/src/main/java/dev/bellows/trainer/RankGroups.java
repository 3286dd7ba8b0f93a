package dev.bellows.trainer;

import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.Mesh;
import dev.bellows.parallelism.Mesh.Coordinates;
import dev.bellows.parallelism.MeshAxis;
import java.util.List;

/// One rank's place in the mesh and its groups: all ranks, and its neighbours along each axis.
///
/// @param mesh the ranks as a grid
/// @param at this rank's place
/// @param world all ranks
/// @param pipeline the stages that its micro-batches pass
/// @param data the ranks with the same weights
/// @param tensor the ranks that share its layers
record RankGroups(
    Mesh mesh,
    Coordinates at,
    Collectives world,
    Collectives pipeline,
    Collectives data,
    Collectives tensor) {
  /// The groups of a rank of `world`. All ranks call alike.
  static RankGroups of(Mesh mesh, Collectives world) {
    return new RankGroups(
        mesh,
        mesh.coordinates(world.rank()),
        world,
        group(mesh, world, MeshAxis.PIPELINE),
        group(mesh, world, MeshAxis.DATA),
        group(mesh, world, MeshAxis.TENSOR));
  }

  private static Collectives group(Mesh mesh, Collectives world, MeshAxis axis) {
    List<Integer> ranks = mesh.group(world.rank(), axis);
    return world.group(ranks.stream().mapToInt(Integer::intValue).toArray());
  }

  /// The rank of the world that knows the losses of data rank `data` and tells them.
  int lossRank(int data) {
    return mesh.rank(new Coordinates(mesh.pipeline() - 1, data, 0, 0));
  }

  /// Whether this rank speaks for those that compute the same losses.
  boolean reportsLosses() {
    return world.rank() == lossRank(at.data());
  }
}
