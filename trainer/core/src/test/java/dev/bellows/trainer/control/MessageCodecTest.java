package dev.bellows.trainer.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.io.Output;
import dev.bellows.checkpointing.PartReport;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

class MessageCodecTest {
  private static final Member MEMBER = new Member(1, "thread-1", "hôst", 17, 1, 2, "a:1", "a:2");
  private static final PartReport PART =
      new PartReport("save", "part.safetensors", 1L << 40, 12, "ab", 3, 4);

  private static final List<ControlMessage> ALL =
      List.of(
          new ControlMessage.Register(
              -5,
              MEMBER,
              2,
              "cpu",
              "cpu x",
              new MemoryNeed(1, 2, 3, 4, 5, 6, Long.MAX_VALUE),
              "nonce"),
          new ControlMessage.Refusal(1, ErrorCategory.STORAGE, "no"),
          new ControlMessage.Membership(
              1, 2, 0, MessageCodec.list(List.of(MEMBER, MEMBER)), "/a/b"),
          new ControlMessage.Heartbeat(1, 2, 3, 4, 5, "training"),
          new ControlMessage.Pulse(Long.MIN_VALUE, 1),
          new ControlMessage.StepReport(
              1,
              1,
              7,
              Double.NaN,
              Double.MIN_VALUE,
              1e-3,
              128,
              0.5,
              0.1,
              0.2,
              1L << 33,
              true,
              0x1p16,
              3),
          new ControlMessage.EvaluationReport(1, 1, 7, 2.5, 0.25, 99, 0.125),
          new ControlMessage.CheckpointReport(
              1, 1, 0, 7, MessageCodec.list(List.of(PART)), "{}", "", 0.001),
          new ControlMessage.CheckpointResult(1, 1, 7, true),
          new ControlMessage.Stop(1, 1),
          new ControlMessage.Abort(1, "because"),
          new ControlMessage.Failure(
              1, 1, 0, 7, -1, ErrorCategory.NUMERIC, "NaN", "x".repeat(16_000)),
          new ControlMessage.Finished(1, 1, 0, 7, false));

  private final MessageCodec codec = new MessageCodec();

  @Test
  void readsBackEveryMessage() {
    Set<Class<?>> covered = new HashSet<>();
    for (ControlMessage message : ALL) {
      covered.add(message.getClass());
      assertEquals(Optional.of(message), new MessageCodec().decode(codec.encode(message)));
    }
    assertEquals(Set.of(ControlMessage.class.getPermittedSubclasses()), covered);
  }

  @Test
  void dropsWhatIsCutExtendedOrFlipped() {
    for (ControlMessage message : ALL) {
      byte[] bytes = codec.encode(message);
      for (int length = 0; length < bytes.length; length += 1 + length / 64) {
        assertEquals(Optional.empty(), codec.decode(Arrays.copyOf(bytes, length)));
      }
      assertEquals(Optional.empty(), codec.decode(Arrays.copyOf(bytes, bytes.length + 1)));
      for (int bit = 0; bit < 8 * bytes.length; bit += 1 + bit / 64) {
        bytes[bit / 8] ^= (byte) (1 << bit % 8);
        assertEquals(
            Optional.empty(), codec.decode(bytes), message + " with bit " + bit + " flipped");
        bytes[bit / 8] ^= (byte) (1 << bit % 8);
      }
    }
  }

  @Test
  void dropsGarbage() {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      byte[] garbage = new byte[random.nextInt(200)];
      random.nextBytes(garbage);
      assertEquals(Optional.empty(), codec.decode(garbage), "seed " + seed);
    }
  }

  @Test
  void knowsNoOtherClass() {
    Kryo stranger = new Kryo();
    stranger.setRegistrationRequired(false);
    Output output = new Output(64, 4096);
    stranger.writeClassAndObject(output, new java.util.concurrent.atomic.AtomicLong(3));
    assertEquals(Optional.empty(), codec.decode(framed(output.toBytes())));
    output.reset();
    stranger.writeClassAndObject(output, "only a text");
    assertEquals(Optional.empty(), codec.decode(framed(output.toBytes())));
    assertThrows(
        KryoException.class,
        () -> codec.encode(new ControlMessage.Membership(1, 1, 0, List.of(MEMBER), "")),
        "a list of a class that is not registered");
  }

  /// `payload` with the magic and the checksum of a message.
  private byte[] framed(byte[] payload) {
    byte[] header = codec.encode(new ControlMessage.Stop(1, 1));
    CRC32C crc = new CRC32C();
    crc.update(payload);
    byte[] bytes = new byte[8 + payload.length];
    ByteBuffer.wrap(bytes).put(header, 0, 4).putInt((int) crc.getValue()).put(payload);
    return bytes;
  }

  /// The control of the frame above: a right payload in it is read.
  @Test
  void framesAsTheTestBelieves() {
    byte[] bytes = codec.encode(new ControlMessage.Stop(1, 1));
    assertEquals(
        Optional.of(new ControlMessage.Stop(1, 1)),
        codec.decode(framed(Arrays.copyOfRange(bytes, 8, bytes.length))));
  }
}
