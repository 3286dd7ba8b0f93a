package dev.bellows.parallelism;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.parallelism.Mesh.Coordinates;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// Every mesh of degrees up to 3, and every wrong choice up to 8 workers.
class MeshTest {
  private static void everyMesh(Consumer<Mesh> check) {
    for (int p = 1; p <= 3; p++) {
      for (int d = 1; d <= 3; d++) {
        for (int c = 1; c <= 3; c++) {
          for (int t = 1; t <= 3; t++) {
            check.accept(new Mesh(p, d, c, t));
          }
        }
      }
    }
  }

  @Test
  void ranksAndCoordinatesAreTheSameThing() {
    everyMesh(
        mesh -> {
          Set<Coordinates> seen = new HashSet<>();
          for (int rank = 0; rank < mesh.worldSize(); rank++) {
            Coordinates at = mesh.coordinates(rank);
            assertEquals(rank, mesh.rank(at));
            assertTrue(seen.add(at));
          }
        });
  }

  @Test
  void tensorPeersAreNeighboursAndStagesFarthestApart() {
    Mesh mesh = new Mesh(2, 2, 1, 2);
    assertEquals(List.of(0, 1), mesh.group(0, MeshAxis.TENSOR));
    assertEquals(List.of(6, 7), mesh.group(7, MeshAxis.TENSOR));
    assertEquals(List.of(1, 3), mesh.group(3, MeshAxis.DATA));
    assertEquals(List.of(3), mesh.group(3, MeshAxis.CONTEXT));
    assertEquals(List.of(3, 7), mesh.group(7, MeshAxis.PIPELINE));
    assertEquals(new Coordinates(1, 0, 0, 1), mesh.coordinates(5));
  }

  @Test
  void theGroupsOfAnAxisArePartsOfTheWorldThatDifferInOneCoordinate() {
    everyMesh(
        mesh -> {
          for (MeshAxis axis : MeshAxis.values()) {
            for (int rank = 0; rank < mesh.worldSize(); rank++) {
              List<Integer> group = mesh.group(rank, axis);
              assertEquals(mesh.degree(axis), group.size());
              assertEquals(rank, group.get(mesh.coordinates(rank).along(axis)));
              for (int peer : group) {
                assertEquals(group, mesh.group(peer, axis));
                assertEquals(
                    mesh.coordinates(rank).with(axis, 0), mesh.coordinates(peer).with(axis, 0));
              }
            }
          }
        });
  }

  @Test
  void expertsReuseTheDataAxis() {
    Mesh mesh = new Mesh(1, 4, 1, 2);
    assertEquals(List.of(0, 2), mesh.expertGroup(2, 2));
    assertEquals(List.of(5, 7), mesh.expertGroup(5, 2));
    assertEquals(List.of(1, 3, 5, 7), mesh.expertGroup(5, 4));
    assertEquals(List.of(5), mesh.expertGroup(5, 1));
    assertEquals(
        "parallel.expert is 3; experts are spread over the data axis, so it must divide the 4 data"
            + " ranks: 1, 2 or 4",
        assertThrows(IllegalArgumentException.class, () -> mesh.expertGroup(0, 3)).getMessage());
  }

  @Test
  void dataTakesWhatTheOthersLeave() {
    assertEquals(new Mesh(2, 4, 1, 1), Mesh.of(8, 2, 0, 1, 1));
    assertEquals(new Mesh(2, 1, 2, 2), Mesh.of(8, 2, 1, 2, 2));
  }

  private static String refusal(int world, int p, int d, int c, int t) {
    return assertThrows(IllegalArgumentException.class, () -> Mesh.of(world, p, d, c, t))
        .getMessage();
  }

  @Test
  void degreesThatDoNotMultiplyToTheWorldSize() {
    assertEquals(
        "parallel.pipeline 3 · parallel.context 1 · parallel.tensor 2 = 6 does not divide the"
            + " number of workers, 8; valid would be parallel.pipeline 1, 2 or 4, or workers.count"
            + " 6 or 12",
        refusal(8, 3, 0, 1, 2));
    assertEquals(
        "parallel.pipeline 1 · parallel.data 3 · parallel.context 1 · parallel.tensor 2 = 6 is not"
            + " the number of workers, 8; valid would be parallel.data 4, or workers.count 6",
        refusal(8, 1, 3, 1, 2));
    assertEquals(
        "parallel.pipeline 1 · parallel.context 1 · parallel.tensor 16 = 16 does not divide the"
            + " number of workers, 8; valid would be parallel.tensor 1, 2, 4 or 8, or workers.count"
            + " 16",
        refusal(8, 1, 0, 1, 16));
  }

  /// Whatever a refusal calls valid is accepted, and every refusal names something.
  @Test
  void whatARefusalListsIsValid() {
    int refused = 0;
    for (int world = 1; world <= 8; world++) {
      for (int code = 0; code < 5 * 4 * 4 * 4; code++) {
        int[] degrees = {1 + code % 4, code / 4 % 5, 1 + code / 20 % 4, 1 + code / 80};
        if (!accepted(world, degrees)) {
          refused++;
          String message = refusal(world, degrees[0], degrees[1], degrees[2], degrees[3]);
          List<String> choices =
              List.of(message.substring(message.indexOf("valid would be ") + 15).split(", or "));
          choices.forEach(choice -> assertValid(message, choice));
          assertTrue(choices.getLast().startsWith("workers.count "), message);
        }
      }
    }
    assertTrue(refused > 1000, "only " + refused + " choices were refused");
  }

  private static boolean accepted(int world, int[] degrees) {
    int others = degrees[0] * degrees[2] * degrees[3];
    return degrees[1] == 0 ? world % others == 0 : others * degrees[1] == world;
  }

  private static void assertValid(String message, String choice) {
    Matcher world = Pattern.compile("workers, (\\d+);").matcher(message);
    assertTrue(world.find(), message);
    List<Integer> values = new ArrayList<>();
    Matcher number = Pattern.compile("\\d+").matcher(choice);
    while (number.find()) {
      values.add(Integer.valueOf(number.group()));
    }
    assertTrue(!values.isEmpty(), message);
    for (int value : values) {
      int[] degrees = new int[4];
      for (MeshAxis axis : MeshAxis.values()) {
        Matcher asked = Pattern.compile(axis.key() + " (\\d+) ").matcher(message);
        degrees[axis.ordinal()] = asked.find() ? Integer.parseInt(asked.group(1)) : 0;
        if (choice.startsWith(axis.key() + " ")) {
          degrees[axis.ordinal()] = value;
        }
      }
      int workers = choice.startsWith("workers.count ") ? value : Integer.parseInt(world.group(1));
      Mesh mesh = Mesh.of(workers, degrees[0], degrees[1], degrees[2], degrees[3]);
      assertEquals(workers, mesh.worldSize(), message);
    }
  }
}
