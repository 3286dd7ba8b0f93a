package dev.bellows.checkpointing;

/// One stored block: where it lies in its part and the checksum of each of its chunks.
///
/// @param tensor the tensor as the writer knew it; its role is the manifest's matter
/// @param begin first byte in the file, a multiple of 4,096
/// @param end one past the last byte of data; a pad follows to the next multiple of 4,096
/// @param crcs CRC32C of each chunk of the data
record Piece(LogicalTensor tensor, Block block, long begin, long end, int[] crcs) {
  /// Name of the entry in the safetensors header.
  String entryName() {
    if (block.isWhole(tensor)) {
      return tensor.name();
    }
    StringBuilder name = new StringBuilder(tensor.name()).append('@');
    for (int d = 0; d < block.rank(); d++) {
      name.append(d == 0 ? "" : ",").append(block.start(d));
    }
    return name.toString();
  }

  long bytes() {
    return end - begin;
  }

  static int chunks(long bytes, int chunk) {
    return Math.toIntExact(Math.ceilDiv(bytes, (long) chunk));
  }

  Problem problem(String file, String message) {
    return new Problem(file, tensor.name(), begin, bytes(), message);
  }
}
