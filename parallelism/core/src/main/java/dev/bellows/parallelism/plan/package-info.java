/// Where the parameters of a model lie on a mesh: rules by parameter name, shards, stages and ZeRO slices. Shapes and names only; nothing here
/// allocates or communicates.
package dev.bellows.parallelism.plan;
