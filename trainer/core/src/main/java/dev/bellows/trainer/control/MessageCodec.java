package dev.bellows.trainer.control;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import dev.bellows.checkpointing.PartReport;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32C;

/// Control messages to bytes and back, with Kryo and registration required: no class outside the list below can be read.
///
/// Layout: 4 bytes magic and version, 4 bytes CRC32C of the rest, Kryo's bytes. Threads: one at a time.
public final class MessageCodec {
  private static final int MAGIC = 0xBE110502;
  private static final int HEADER_BYTES = 8;
  private static final int MAX_BYTES = 64 * 1024 - HEADER_BYTES;

  private final Kryo kryo = new Kryo();
  private final Output output = new Output(1024, MAX_BYTES);

  /// A codec of this version's messages.
  public MessageCodec() {
    kryo.setRegistrationRequired(true);
    kryo.setReferences(false);
    // The order gives each class its number on the wire: append only, and change MAGIC when a
    // record changes.
    kryo.register(ArrayList.class);
    kryo.register(ErrorCategory.class);
    kryo.register(MemoryNeed.class);
    kryo.register(Member.class);
    kryo.register(PartReport.class);
    for (Class<?> message : ControlMessage.class.getPermittedSubclasses()) {
      kryo.register(message);
    }
  }

  /// The bytes of `message`.
  public byte[] encode(ControlMessage message) {
    output.reset();
    kryo.writeClassAndObject(output, message);
    byte[] bytes = new byte[HEADER_BYTES + output.position()];
    System.arraycopy(output.getBuffer(), 0, bytes, HEADER_BYTES, output.position());
    ByteBuffer.wrap(bytes).putInt(MAGIC).putInt(checksum(bytes));
    return bytes;
  }

  /// The message in `bytes`, or empty when they are not a message of this version: strangers' packets are dropped, not fatal.
  public Optional<ControlMessage> decode(byte[] bytes) {
    if (bytes.length <= HEADER_BYTES) {
      return Optional.empty();
    }
    // Checked first: Kryo would take a flipped length for a wish for gigabytes.
    ByteBuffer header = ByteBuffer.wrap(bytes);
    if (header.getInt() != MAGIC || header.getInt() != checksum(bytes)) {
      return Optional.empty();
    }
    try {
      Input input = new Input(bytes, HEADER_BYTES, bytes.length - HEADER_BYTES);
      return kryo.readClassAndObject(input) instanceof ControlMessage message && input.end()
          ? Optional.of(message)
          : Optional.empty();
    } catch (RuntimeException e) {
      return Optional.empty();
    }
  }

  private static int checksum(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, HEADER_BYTES, bytes.length - HEADER_BYTES);
    return (int) crc.getValue();
  }

  /// A list that the codec can write.
  public static <T> List<T> list(List<T> values) {
    return new ArrayList<>(values);
  }
}
