package dev.bellows.parallelism.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.nn.Initializer;
import dev.bellows.nn.Model;
import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Sharding;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.Collectives;
import dev.bellows.parallelism.Transport;
import dev.bellows.parallelism.plan.ShardingPlan;
import dev.bellows.tensor.Backend;
import dev.bellows.tensor.ReferenceBackend;
import dev.bellows.tensor.Shape;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SharedGradientsTest {
  /// Rank r's gradient of everything is r + 1.
  private static void fill(Backend backend, ParameterStore store, int rank) {
    backend.fill(store.gradients(), 0);
    for (Parameter parameter : store.parameters()) {
      backend.fill(parameter.gradient(), rank + 1);
    }
  }

  /// Four ranks of a Llama of two key and value heads: norms are summed over all under sequence parallelism, keys and values over pairs, nothing else.
  @ParameterizedTest
  @CsvSource({"false", "true"})
  void sumsWhatRanksShare(boolean sequence) throws Exception {
    SplitModel split = SplitModel.llama(2, false, 0, 19);
    SplitRun.ranks()
        .run(
            4,
            transport -> {
              CollectiveTensorGroup group =
                  new CollectiveTensorGroup(SplitRun.collectives(transport), sequence);
              Model model = split.model().get();
              List<Parameter> parameters = model.parameters();
              ShardingPlan plan = SplitRun.plan(split, model.units(), 4);
              try (Backend backend = new ReferenceBackend();
                  ParameterStore store =
                      new ParameterStore(
                          backend, parameters, Precision.F32, plan.sharding(group.rank()));
                  SharedGradients shared = new SharedGradients(backend, store, group)) {
                fill(backend, store, group.rank());
                shared.reduce();
                long summed = 0;
                for (Parameter parameter : store.parameters()) {
                  summed += check(parameter, group.rank(), sequence);
                }
                assertEquals(shared.elements(), summed);
              }
            });
  }

  /// Returns the elements that were to be summed.
  private static long check(Parameter parameter, int rank, boolean sequence) {
    long inner = parameter.shape().elements() / parameter.shape().dim(0);
    long at = 0;
    long summed = 0;
    for (Piece piece : parameter.shard().pieces()) {
      boolean pair = parameter.split() == Split.HEADS && piece.copies() == 2;
      boolean all = parameter.split() == Split.REPLICATED && sequence;
      float expected = all ? 1 + 2 + 3 + 4 : pair ? (rank < 2 ? 1 + 2 : 3 + 4) : rank + 1;
      long elements =
          parameter.shard().dim() == 0 ? piece.extent() * inner : parameter.gradient().elements();
      for (long i = at; i < at + elements; i++) {
        assertEquals(
            expected, parameter.gradient().segment().getAtIndex(ValueLayout.JAVA_FLOAT, i));
      }
      at += elements;
      summed += all || pair ? elements : 0;
    }
    return summed;
  }

  /// Every element of every parameter is counted on exactly one rank.
  @ParameterizedTest
  @CsvSource({"1", "2", "4"})
  void countsEachElementOnce(int degree) throws Exception {
    for (SplitModel split : SplitModel.all().toList()) {
      Map<String, int[]> counts = new HashMap<>();
      SplitRun.ranks()
          .run(
              degree,
              transport -> {
                CollectiveTensorGroup group =
                    new CollectiveTensorGroup(SplitRun.collectives(transport), false);
                Model model = split.model().get();
                List<Parameter> parameters = model.parameters();
                ShardingPlan plan = SplitRun.plan(split, model.units(), degree);
                try (Backend backend = new ReferenceBackend();
                    ParameterStore store =
                        new ParameterStore(
                            backend, parameters, Precision.F32, plan.sharding(group.rank()));
                    SharedGradients shared = new SharedGradients(backend, store, group)) {
                  fill(backend, store, 0);
                  for (int i = 0; i < store.parameters().size(); i++) {
                    count(store.parameters().get(i), shared.counted(i), counts);
                  }
                  long all = store.parameters().stream().mapToLong(p -> p.shape().elements()).sum();
                  assertEquals(all, SplitRun.squaredNorm(store, shared, group));
                }
              });
      counts.forEach(
          (name, count) -> {
            int[] once = new int[count.length];
            Arrays.fill(once, 1);
            assertArrayEquals(once, count, split + " " + name);
          });
    }
  }

  private static void count(
      Parameter parameter, List<SharedGradients.Range> ranges, Map<String, int[]> counts) {
    synchronized (counts) {
      int[] count =
          counts.computeIfAbsent(
              parameter.name(), name -> new int[(int) parameter.shape().elements()]);
      parameter
          .shard()
          .forEachRun(
              (from, to, extent) -> {
                for (long i = 0; i < extent; i++) {
                  long local = from + i;
                  if (ranges.stream()
                      .anyMatch(r -> local >= r.start() && local < r.start() + r.extent())) {
                    count[(int) (to + i)]++;
                  }
                }
              });
    }
  }

  private static String refusal(Shard... shards) {
    List<Parameter> parameters = new ArrayList<>();
    Map<String, Shard> held = new HashMap<>();
    for (Shard shard : shards) {
      String name = "w" + parameters.size();
      parameters.add(Parameter.of(name, shard.shape(), Initializer.constant(0), false));
      held.put(name, shard);
    }
    Sharding sharding =
        new Sharding() {
          @Override
          public Split split(Parameter parameter) {
            return Split.HEADS;
          }

          @Override
          public Shard shard(Parameter parameter) {
            return held.get(parameter.name());
          }
        };
    String[] message = new String[1];
    try {
      SplitRun.ranks()
          .run(
              2,
              transport -> {
                String found = refusal(parameters, sharding, transport);
                synchronized (message) {
                  message[0] = found;
                }
              });
    } catch (Exception e) {
      throw new AssertionError(e);
    }
    return message[0];
  }

  private static String refusal(
      List<Parameter> parameters, Sharding sharding, Transport transport) {
    Collectives collectives = SplitRun.collectives(transport);
    List<Parameter> own =
        parameters.stream()
            .map(p -> Parameter.of(p.name(), p.shape(), p.initializer(), false))
            .toList();
    try (Backend backend = new ReferenceBackend();
        ParameterStore store = new ParameterStore(backend, own, Precision.F32, sharding)) {
      return assertThrows(
              IllegalArgumentException.class,
              () ->
                  new SharedGradients(
                      backend, store, new CollectiveTensorGroup(collectives, false)))
          .getMessage();
    }
  }

  @Test
  void refusesCopiesThatItCannotSum() {
    Shape shape = Shape.of(4, 4);
    Shard pairs = new Shard(shape, 0, List.of(new Piece(0, 2, 0, 2)));
    Shard triples = new Shard(shape, 0, List.of(new Piece(0, 2, 0, 3)));
    assertEquals(
        "3 tensor ranks hold copies of a part of w1[4, 4], but 2 of another; all should have as"
            + " many",
        refusal(pairs, triples));
    assertTrue(
        refusal(new Shard(shape, 1, List.of(new Piece(0, 2, 0, 2))))
            .startsWith("copies of a part of w0[4, 4] lie along dim 1"));
  }
}
