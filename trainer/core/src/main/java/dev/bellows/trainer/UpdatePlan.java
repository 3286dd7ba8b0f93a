package dev.bellows.trainer;

import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.nn.Parameter;
import dev.bellows.optimizers.Adafactor;
import dev.bellows.optimizers.AdamW;
import dev.bellows.optimizers.Lion;
import dev.bellows.optimizers.Muon;
import dev.bellows.optimizers.Sgd;
import dev.bellows.optimizers.StateSpec;
import dev.bellows.optimizers.Treatment;
import dev.bellows.optimizers.UpdateRule;
import dev.bellows.tensor.DType;
import dev.bellows.tensor.Shape;
import dev.bellows.trainer.config.GroupSection;
import dev.bellows.trainer.config.OptimizerSection;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// Which rule updates which parameter of a model, and what state it keeps: a function of the configuration and of names and shapes alone, so that the
/// driver knows it too.
///
/// Under `optimizer.kind` muon, matrices go to Muon, but vectors, embeddings and the head to AdamW (Jordan et al. 2024). The head is the last matrix that
/// the model uses; an embedding is known by its name.
///
/// @param entries one for each parameter that owns a value, in the model's order
record UpdatePlan(List<Entry> entries) {
  /// Names of embeddings and heads in the models that people name: one part of the dotted path.
  private static final Pattern ENDPOINT =
      Pattern.compile("(^|.*\\.)(wte|wpe|lm_head|head|[a-z_]*embed[a-z_]*)(\\..*|$)");

  /// How one parameter is updated.
  ///
  /// @param parameter the parameter
  /// @param treatment its rule, rate and whether it is frozen
  /// @param decayed whether weight decay applies
  record Entry(Parameter parameter, Treatment treatment, boolean decayed) {
    List<StateSpec> state() {
      return state(parameter.shape());
    }

    /// The state for a part of the parameter that has this shape.
    List<StateSpec> state(Shape shape) {
      return treatment.frozen() ? List.of() : treatment.rule().state(shape);
    }

    /// Elements of scratch that the update of such a part takes.
    long workspaceElements(Shape shape) {
      return treatment.frozen() ? 0 : treatment.rule().workspaceElements(shape);
    }
  }

  /// The plan of `section` for a model of these parameters and tied uses. Errors: [BellowsException] when a group matches nothing or a rule cannot
  /// update a parameter.
  static UpdatePlan of(OptimizerSection section, List<Parameter> parameters) {
    List<Parameter> primaries = parameters.stream().filter(p -> !p.isTied()).toList();
    Optional<Parameter> head =
        parameters.reversed().stream()
            .filter(parameter -> parameter.shape().rank() >= 2)
            .findFirst()
            .map(Parameter::primary);
    List<Entry> entries = new ArrayList<>();
    Set<GroupSection> used = new HashSet<>();
    for (Parameter parameter : primaries) {
      Optional<GroupSection> group =
          section.groups().stream().filter(g -> g.matches(parameter.name())).findFirst();
      group.ifPresent(used::add);
      boolean hidden =
          parameter.shape().rank() >= 2
              && head.get() != parameter
              && !ENDPOINT.matcher(parameter.name()).matches();
      entries.add(entry(section, parameter, group, hidden));
    }
    for (GroupSection group : section.groups()) {
      if (!used.contains(group)) {
        throw unused(group, primaries.stream().map(Parameter::name).toList());
      }
    }
    return new UpdatePlan(entries);
  }

  private static Entry entry(
      OptimizerSection section, Parameter parameter, Optional<GroupSection> group, boolean hidden) {
    GroupSection.Rule choice = group.map(GroupSection::rule).orElse(GroupSection.Rule.AUTO);
    boolean matrix =
        choice == GroupSection.Rule.MUON || (choice == GroupSection.Rule.AUTO && hidden);
    if (choice == GroupSection.Rule.MUON && parameter.shape().rank() < 2) {
      throw new BellowsException(
          ErrorCategory.CONFIGURATION,
          "optimizer.groups asks for muon for "
              + parameter
              + ", which is no matrix; narrow the pattern "
              + group.get().match()
              + " or take rule adamw");
    }
    double decay = section.weightDecay();
    boolean decayed = parameter.isDecayed();
    if (group.isPresent() && group.get().weightDecay().isPresent()) {
      decay = group.get().weightDecay().getAsDouble();
      decayed = true;
    }
    Treatment treatment =
        new Treatment(
            rule(section, matrix, decay),
            group.map(GroupSection::learningRateScale).orElse(1.0),
            group.map(GroupSection::frozen).orElse(false));
    return new Entry(parameter, treatment, decayed);
  }

  private static UpdateRule rule(OptimizerSection section, boolean matrix, double decay) {
    return switch (section.kind()) {
      case ADAMW -> adamW(section, decay);
      case SGD -> new Sgd(section.momentum(), section.nesterov(), decay);
      case LION -> new Lion(section.beta1(), section.beta2(), decay);
      case ADAFACTOR ->
          new Adafactor(
              section.beta2Decay(),
              section.epsilon(),
              section.minimumScale(),
              section.updateClip(),
              section.relativeStep(),
              decay);
      case MUON ->
          matrix ? new Muon(section.momentum(), section.nesterov(), decay) : adamW(section, decay);
    };
  }

  private static UpdateRule adamW(OptimizerSection section, double decay) {
    return new AdamW(section.beta1(), section.beta2(), section.epsilon(), decay);
  }

  private static BellowsException unused(GroupSection group, List<String> names) {
    boolean shadowed = names.stream().anyMatch(group::matches);
    String reason =
        shadowed
            ? ", whose parameters all belong to earlier groups; move it up or leave it out"
            : names.isEmpty()
                ? ", but the model has no parameters"
                : ", which is no parameter's name; the nearest is " + group.nearest(names);
    return new BellowsException(
        ErrorCategory.CONFIGURATION, "optimizer.groups has the pattern " + group.match() + reason);
  }

  /// How `parameter`, which owns a value, is updated.
  Entry entry(Parameter parameter) {
    return entries.stream()
        .filter(entry -> entry.parameter() == parameter)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(parameter + " is not of this model"));
  }

  /// The tensors of a checkpoint under this plan, without any memory: what the driver knows.
  List<LogicalTensor> logical() {
    List<LogicalTensor> all = new ArrayList<>();
    for (Entry entry : entries) {
      Parameter parameter = entry.parameter();
      all.add(
          new LogicalTensor(
              parameter.name(), DType.F32, parameter.shape(), LogicalTensor.PARAMETER));
      for (StateSpec state : entry.state()) {
        all.add(
            new LogicalTensor(
                TrainingState.stateName(state.name(), parameter),
                DType.F32,
                state.shape(),
                LogicalTensor.OPTIMIZER));
      }
    }
    return all;
  }
}
