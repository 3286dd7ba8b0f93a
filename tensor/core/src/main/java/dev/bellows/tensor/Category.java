package dev.bellows.tensor;

/// What a buffer is for; live and peak bytes are accounted for each.
public enum Category {
  PARAMETER,
  GRADIENT,
  OPTIMIZER,
  ACTIVATION,
  WORKSPACE,
  COMMUNICATION
}
