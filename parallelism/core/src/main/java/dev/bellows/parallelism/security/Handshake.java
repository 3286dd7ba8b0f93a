package dev.bellows.parallelism.security;

import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// How the two ends of a link agree on keys that no earlier link had, although they share one run key.
///
/// Each side sends a *hello* with a fresh random salt in clear, authenticated under a key of that salt. The keys of the session are derived
/// from both salts, so neither side can be made to use old ones, and a *ready* packet, number 0 of the session, proves it. A hello that was
/// recorded earlier makes a candidate, never a session, since nobody can send the ready packet that belongs to it. Threads: one at a time.
///
/// Both packets start with a header of the caller, which is authenticated too.
public final class Handshake {
  /// Bytes of a hello behind its header: salt and tag.
  public static final int HELLO_BYTES = SessionSalt.BYTES + StreamCipher.TAG_BYTES;

  /// Different hellos that are remembered: the peer's and repeated ones.
  private static final int MOST_CANDIDATES = 8;

  private static final byte[] NOTHING = new byte[0];

  private final RunKey key;
  private final StreamName outgoing;
  private final StreamName incoming;
  private final byte[] salt = SessionSalt.fresh();
  private final List<Candidate> candidates = new ArrayList<>();
  private int answered;

  private record Candidate(byte[] peerSalt, Session session) {}

  /// The side of a holder of `key` that sends on the stream `outgoing` and receives on `incoming`.
  public Handshake(RunKey key, StreamName outgoing, StreamName incoming) {
    this.key = key;
    this.outgoing = outgoing;
    this.incoming = incoming;
  }

  /// Completes `packet`, of which the first `headerBytes` bytes are set, to this side's hello. To be called once. Returns its length.
  public int hello(byte[] packet, int headerBytes) {
    System.arraycopy(salt, 0, packet, headerBytes, salt.length);
    return new StreamCipher(key, salt, outgoing, "hello")
        .seal(0, packet, headerBytes + salt.length, NOTHING, 0);
  }

  /// Takes the hello of `length` bytes. Returns whether a holder of the key made it for this stream.
  public boolean takeHello(byte[] packet, int headerBytes, int length) {
    if (length != headerBytes + HELLO_BYTES) {
      return false;
    }
    byte[] peerSalt = new byte[SessionSalt.BYTES];
    System.arraycopy(packet, headerBytes, peerSalt, 0, peerSalt.length);
    if (!new StreamCipher(key, peerSalt, incoming, "hello")
        .open(0, packet, headerBytes + peerSalt.length, length, NOTHING)) {
      return false;
    }
    boolean known =
        candidates.stream()
            .anyMatch(candidate -> MessageDigest.isEqual(candidate.peerSalt(), peerSalt));
    if (!known && candidates.size() < MOST_CANDIDATES) {
      candidates.add(new Candidate(peerSalt, session(peerSalt)));
    }
    return true;
  }

  private Session session(byte[] peerSalt) {
    return new Session(
        new Sealer(new StreamCipher(key, SessionSalt.both(salt, peerSalt), outgoing, "session")),
        new Opener(new StreamCipher(key, SessionSalt.both(peerSalt, salt), incoming, "session")));
  }

  /// Whether a ready packet has to be sent: one for each hello that was taken.
  public boolean owesReady() {
    return answered < candidates.size();
  }

  /// Completes `packet`, of which the first `headerBytes` bytes are set, to the ready packet that is owed. Returns its length.
  public int ready(byte[] packet, int headerBytes) {
    return candidates.get(answered++).session().sealer().seal(packet, headerBytes, NOTHING, 0);
  }

  /// The session that the peer's ready packet of `length` bytes proves, with that packet taken; empty when it proves none.
  public Optional<Session> confirm(byte[] packet, int headerBytes, int length) {
    if (length != headerBytes + StreamCipher.TAG_BYTES) {
      return Optional.empty();
    }
    for (Candidate candidate : candidates) {
      Session session = candidate.session();
      if (session.opener().open(packet, headerBytes, length, NOTHING)) {
        session.opener().taken();
        return Optional.of(session);
      }
    }
    return Optional.empty();
  }
}
