package dev.bellows.trainer;

import dev.bellows.nn.Parameter;
import dev.bellows.nn.ParameterStore;
import dev.bellows.nn.Precision;
import dev.bellows.optimizers.Need;
import dev.bellows.optimizers.StateSpec;
import dev.bellows.parallelism.plan.ZeroSlices;
import dev.bellows.parallelism.plan.ZeroSlices.Slice;
import dev.bellows.parallelism.zero.GroupDeal;
import dev.bellows.tensor.Shape;
import dev.bellows.trainer.UpdatePlan.Entry;
import dev.bellows.trainer.config.RunConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The accounting of a worker's device bytes behind [ParallelPlan]: from shapes, without memory.
///
/// Under ZeRO the bytes are those of the data rank that holds most, category by category. What ZeRO-2 and ZeRO-3 do not hold whole at any time, they hold
/// for one unit of layers (gradients), or for two (weights: the one in use and the next).
final class DeviceAccount {
  /// A parameter or tied use as a worker holds it.
  ///
  /// @param parameter the whole one
  /// @param shape of the worker's part
  /// @param unit its layer
  record Part(Parameter parameter, Shape shape, int unit) {}

  /// A part that owns a value, and how many gradient sums it has.
  private record Owned(Part part, Entry entry, int uses) {
    long elements() {
      return part.shape().elements();
    }

    boolean isWhole() {
      return entry.treatment().rule().need() != Need.ELEMENT;
    }

    long stateElements(long elements) {
      if (!isWhole()) {
        return entry.state(part.shape()).size() * ParameterStore.placed(elements);
      }
      return entry.state(part.shape()).stream()
          .map(StateSpec::shape)
          .mapToLong(shape -> ParameterStore.placed(shape.elements()))
          .sum();
    }
  }

  private final RunConfig config;
  private final List<Part> parts;
  private final List<Owned> owned = new ArrayList<>();

  /// The account of a worker that holds `parts` of the parameters that `updates` speaks of.
  DeviceAccount(RunConfig config, UpdatePlan updates, List<Part> parts) {
    this.config = config;
    this.parts = parts;
    Map<Parameter, Entry> entries = new HashMap<>();
    updates.entries().forEach(entry -> entries.put(entry.parameter(), entry));
    for (Part part : parts) {
      if (!part.parameter().isTied()) {
        int uses =
            (int) parts.stream().filter(p -> p.parameter().primary() == part.parameter()).count();
        owned.add(new Owned(part, entries.get(part.parameter()), uses));
      }
    }
  }

  /// Bytes under ZeRO stage `stage` over `data` ranks, with `activations` bytes saved for backward. A single rank has nobody to share with.
  DeviceBytes bytes(int stage, int data, long activations) {
    int zero = data == 1 ? 0 : stage;
    Shares shares = new Shares(data);
    boolean half = config.train().precision() != Precision.F32;
    long values = values();
    long gradients = gradients();
    int groups = config.batch().groups();
    // The owner of a slice adds the groups' contributions in the order of the tree, its total among
    // them.
    long partials =
        zero < 2
            ? gradients * partials(groups, data)
            : shares.gradients * (new GroupDeal(groups, data).levels() - 1);
    long operandBytes = config.train().precision().operands().bytes();
    long gathered = 2 * largestUnit(false);
    long heldGradients = zero < 2 ? gradients : shares.gradients + largestUnit(true);
    return new DeviceBytes(
        Float.BYTES * (zero < 3 ? values : shares.values + gathered),
        half ? operandBytes * (zero < 3 ? values : gathered) : 0,
        Float.BYTES * heldGradients,
        Float.BYTES * partials,
        Float.BYTES * (zero < 1 ? states() : shares.states),
        Float.BYTES * workspace(),
        activations);
  }

  /// Elements of the values, padding included.
  long values() {
    return owned.stream().mapToLong(one -> ParameterStore.placed(one.elements())).sum();
  }

  /// Elements of the gradient sums, padding included.
  long gradients() {
    return parts.stream().mapToLong(p -> ParameterStore.placed(p.shape().elements())).sum();
  }

  private long states() {
    return owned.stream().mapToLong(one -> one.stateElements(one.elements())).sum();
  }

  private long workspace() {
    return owned.stream()
        .mapToLong(one -> one.entry().workspaceElements(one.part().shape()))
        .max()
        .orElse(0);
  }

  /// Elements of the largest unit of layers, each use counted or each value.
  private long largestUnit(boolean everyUse) {
    Map<Integer, Long> units = new HashMap<>();
    for (Part part : parts) {
      if (everyUse || !part.parameter().isTied()) {
        units.merge(part.unit(), ParameterStore.placed(part.shape().elements()), Long::sum);
      }
    }
    return units.values().stream().mapToLong(Long::longValue).max().orElse(0);
  }

  /// Buffers beside the gradients in which the groups of one of `data` ranks wait for their siblings, of `groups` in all.
  static int partials(int groups, int data) {
    int ownGroups = Math.ceilDiv(groups, data);
    return ownGroups == 1 ? 0 : 1 + log2(ownGroups);
  }

  private static int log2(int value) {
    return 31 - Integer.numberOfLeadingZeros(value);
  }

  /// The largest share of any data rank, in elements.
  private final class Shares {
    private long values;
    private long gradients;
    private long states;

    Shares(int data) {
      ZeroSlices slices =
          new ZeroSlices(
              owned.stream().map(Owned::elements).toList(),
              owned.stream().map(Owned::isWhole).toList(),
              data);
      for (int rank = 0; rank < data; rank++) {
        long rankValues = 0;
        long rankGradients = 0;
        long rankStates = 0;
        for (Slice slice : slices.slices(rank)) {
          Owned one = owned.get(slice.parameter());
          long placed = ParameterStore.placed(slice.extent());
          rankValues += placed;
          rankGradients += one.uses() * placed;
          rankStates += one.stateElements(slice.extent());
        }
        values = Math.max(values, rankValues);
        gradients = Math.max(gradients, rankGradients);
        states = Math.max(states, rankStates);
      }
    }
  }
}
