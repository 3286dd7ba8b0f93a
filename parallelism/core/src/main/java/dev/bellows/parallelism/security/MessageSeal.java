package dev.bellows.parallelism.security;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/// Seals the messages of one control endpoint and opens those that it gets.
///
/// Every message stands for itself: 8 bytes magic, 32 bytes salt of the sender's session with this receiver, 8 bytes counter, then AES-GCM's
/// ciphertext and tag. All in front of the ciphertext is authenticated, and the key is bound to the receiver's address. A session is
/// remembered from its first authentic message on, with a window of 64 numbers, so that a message is taken once. Messages that were never
/// sent leave gaps, which is no error. Threads: any for each method.
public final class MessageSeal {
  /// Bytes that sealing adds to a message.
  public static final int OVERHEAD_BYTES = 8 + SessionSalt.BYTES + 8 + StreamCipher.TAG_BYTES;

  private static final long MAGIC = 0x42454c4c4f570201L;
  private static final int HEADER_BYTES = OVERHEAD_BYTES - StreamCipher.TAG_BYTES;
  private static final int SALT_AT = 8;
  private static final int COUNTER_AT = SALT_AT + SessionSalt.BYTES;

  /// Sessions that are remembered. None is ever forgotten, or its messages could be repeated; beyond this no new one is taken in.
  private static final int MOST_SESSIONS = 4_096;

  private final RunKey key;
  private final String address;
  private final Map<String, Outgoing> outgoing = new HashMap<>();
  private final Map<ByteBuffer, Incoming> incoming = new HashMap<>();

  private record Outgoing(byte[] salt, Sealer sealer) {}

  private record Incoming(StreamCipher cipher, ReplayWindow window) {}

  /// For the endpoint that others reach at `address`.
  public MessageSeal(RunKey key, String address) {
    this.key = key;
    this.address = address;
  }

  private StreamCipher cipher(byte[] salt, String receiver) {
    return new StreamCipher(key, salt, new StreamName("control", 0, 0, 0, "", receiver), "session");
  }

  /// The bytes that carry `message` to the endpoint at `receiver`; each call makes others.
  public synchronized byte[] seal(String receiver, byte[] message) {
    Outgoing session =
        outgoing.computeIfAbsent(
            receiver,
            to -> {
              byte[] salt = SessionSalt.fresh();
              return new Outgoing(salt, new Sealer(cipher(salt, to)));
            });
    byte[] packet = new byte[OVERHEAD_BYTES + message.length];
    ByteBuffer.wrap(packet).putLong(MAGIC).put(session.salt()).putLong(session.sealer().next());
    int unused = session.sealer().seal(packet, HEADER_BYTES, message, message.length);
    return packet;
  }

  /// The message in `packet`; empty when it has to be dropped, and then `refused` is told why.
  public synchronized Optional<byte[]> open(byte[] packet, Consumer<Refusal> refused) {
    if (packet.length < OVERHEAD_BYTES || ByteBuffer.wrap(packet).getLong() != MAGIC) {
      return refuse(refused, Refusal.FOREIGN);
    }
    byte[] salt = Arrays.copyOfRange(packet, SALT_AT, COUNTER_AT);
    long counter = ByteBuffer.wrap(packet).getLong(COUNTER_AT);
    Incoming known = incoming.get(ByteBuffer.wrap(salt));
    Incoming session =
        known != null ? known : new Incoming(cipher(salt, address), new ReplayWindow());
    if (!session.window().isNew(counter)) {
      return refuse(refused, Refusal.REPLAYED);
    }
    byte[] message = new byte[packet.length - OVERHEAD_BYTES];
    if (!session.cipher().open(counter, packet, HEADER_BYTES, packet.length, message)) {
      return refuse(refused, Refusal.FORGED);
    }
    if (known == null) {
      if (incoming.size() == MOST_SESSIONS) {
        return refuse(refused, Refusal.FOREIGN);
      }
      incoming.put(ByteBuffer.wrap(salt), session);
    }
    session.window().take(counter);
    return Optional.of(message);
  }

  private static Optional<byte[]> refuse(Consumer<Refusal> refused, Refusal why) {
    refused.accept(why);
    return Optional.empty();
  }
}
