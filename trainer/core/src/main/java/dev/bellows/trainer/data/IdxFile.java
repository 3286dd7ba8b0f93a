package dev.bellows.trainer.data;

import java.nio.ByteBuffer;
import java.util.Arrays;

/// One file of unsigned bytes in the IDX format of MNIST (big-endian): two zero bytes, type 8, the number of dims, each dim as an int, then
/// the elements, row-major.
///
/// @param path where it was read, for errors
/// @param dims sizes, outermost first
/// @param content the whole file
/// @param offset where the elements start
record IdxFile(String path, int[] dims, byte[] content, int offset) {
  private static final int UNSIGNED_BYTE = 8;

  /// Checks that `content` is a complete IDX file of unsigned bytes with `rank` dims. Errors: [DataException].
  static IdxFile parse(String path, byte[] content, int rank) {
    int offset = 4 + 4 * rank;
    if (content.length < offset) {
      throw new DataException(
          "the file "
              + path
              + " has "
              + content.length
              + " bytes; an IDX header alone has "
              + offset);
    }
    ByteBuffer header = ByteBuffer.wrap(content);
    int magic = header.getInt();
    int right = UNSIGNED_BYTE << 8 | rank;
    if (magic != right) {
      throw new DataException(
          String.format(
              "the file %s starts with 0x%08X; an IDX file of unsigned bytes with %d dims starts"
                  + " with 0x%08X",
              path, magic, rank, right));
    }
    int[] dims = new int[rank];
    long elements = 1;
    for (int i = 0; i < rank; i++) {
      dims[i] = header.getInt();
      // Each factor is below 2^31 and the product is cut off at 2^32, so it cannot overflow.
      elements = dims[i] < 1 ? -1 : Math.min(elements * dims[i], 1L << 32);
      if (elements < 0) {
        throw new DataException(
            "the file "
                + path
                + " has dim "
                + i
                + " of size "
                + dims[i]
                + "; it must be 1 or more");
      }
    }
    if (content.length - offset != elements) {
      throw new DataException(
          "the file "
              + path
              + " holds "
              + (content.length - offset)
              + " elements, but its header says "
              + Arrays.toString(dims)
              + "; fetch it again");
    }
    return new IdxFile(path, dims, content, offset);
  }

  /// Element `index`, 0 to 255.
  int element(int index) {
    return content[offset + index] & 0xFF;
  }
}
