package dev.bellows.parallelism;

/// Says where a chunk belongs. The transport adds run and generation.
///
/// @param operation number of the collective in this generation; all ranks count alike
/// @param tensor which term or tensor of the operation
/// @param offset byte offset of the payload in that tensor
public record ChunkHeader(long operation, int tensor, long offset) {}
