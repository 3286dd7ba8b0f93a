package dev.bellows.nn;

/// Which part of each parameter of a model one tensor rank holds. A tied use is held like its primary.
public interface Sharding {
  /// Every parameter whole, on one rank.
  Sharding WHOLE =
      new Sharding() {
        @Override
        public Split split(Parameter parameter) {
          return Split.REPLICATED;
        }

        @Override
        public Shard shard(Parameter parameter) {
          return Shard.whole(parameter.shape(), 0, 1);
        }
      };

  /// How the ranks share `parameter`.
  Split split(Parameter parameter);

  /// What this rank holds of `parameter`.
  Shard shard(Parameter parameter);
}
