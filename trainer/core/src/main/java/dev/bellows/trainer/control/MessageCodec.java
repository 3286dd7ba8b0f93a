package dev.bellows.trainer.control;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import dev.bellows.checkpointing.PartReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Control messages to bytes and back, with Kryo and registration required: no class outside the list below can be read.
///
/// Layout: 4 bytes magic and version, then Kryo's bytes. Threads: one at a time.
public final class MessageCodec {
  private static final int MAGIC = 0xBE110501;
  private static final int MAX_BYTES = 64 * 1024;

  private final Kryo kryo = new Kryo();
  private final Output output = new Output(1024, MAX_BYTES);

  /// A codec of this version's messages.
  public MessageCodec() {
    kryo.setRegistrationRequired(true);
    kryo.setReferences(false);
    // The order gives each class its number on the wire: append only, and change MAGIC when a record changes.
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
    output.writeInt(MAGIC);
    kryo.writeClassAndObject(output, message);
    return output.toBytes();
  }

  /// The message in `bytes`, or empty when they are not a message of this version: strangers' packets are dropped, not fatal.
  public Optional<ControlMessage> decode(byte[] bytes) {
    Input input = new Input(bytes);
    try {
      if (bytes.length < 5 || input.readInt() != MAGIC) {
        return Optional.empty();
      }
      return kryo.readClassAndObject(input) instanceof ControlMessage message
          ? Optional.of(message)
          : Optional.empty();
    } catch (KryoException | IndexOutOfBoundsException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /// A list that the codec can write.
  public static <T> List<T> list(List<T> values) {
    return new ArrayList<>(values);
  }
}
