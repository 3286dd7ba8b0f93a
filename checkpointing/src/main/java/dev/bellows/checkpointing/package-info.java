/// The universal checkpoint: named logical tensors, stored as n-dimensional pieces in safetensors parts and committed by one manifest.
/// No rank or mesh reaches the disk, so any layout reads what any other wrote. The format is described in `docs/formats/checkpoint.md`.
///
/// Saving: [dev.bellows.checkpointing.SavePlan], [dev.bellows.checkpointing.Snapshot], [dev.bellows.checkpointing.CheckpointWriter] on
/// each rank, [dev.bellows.checkpointing.CheckpointCommit] once. Loading: [dev.bellows.checkpointing.CheckpointCatalog] finds a step,
/// [dev.bellows.checkpointing.CheckpointReader] reads blocks of it.
package dev.bellows.checkpointing;
