package dev.bellows.trainer.control;

import dev.bellows.trainer.control.ControlMessage.Register;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The workers that registered, and why some may not join. Threads: the coordinator's.
final class Roster {
  private final int expected;
  private final String nonce;
  private final Map<Integer, Register> byPartition = new LinkedHashMap<>();

  Roster(int expected, String nonce) {
    this.expected = expected;
    this.nonce = nonce;
  }

  /// Takes a registration. Returns why the worker may not join, or empty; a repeated registration changes nothing.
  Optional<ControlMessage.Refusal> admit(Register registration) {
    Member member = registration.member();
    Register earlier = byPartition.get(member.partition());
    if (earlier != null && earlier.member().attempt() >= member.attempt()) {
      return Optional.empty();
    }
    if (!registration.nonce().equals(nonce)) {
      return refuse(
          registration,
          ErrorCategory.STORAGE,
          "host "
              + member.host()
              + " does not see the run folder that the driver uses ("
              + registration.nonce()
              + "); give run.folder on a file system that every host shares, such as hdfs://");
    }
    if (!registration.memory().fits()) {
      return refuse(
          registration,
          ErrorCategory.RESOURCE,
          "a worker on host "
              + member.host()
              + " needs "
              + registration.memory()
              + " but was given "
              + MemoryNeed.format(registration.memory().limit())
              + "; raise workers.memory or make the model, the micro-batch or workers.threads"
              + " smaller");
    }
    for (Register other : byPartition.values()) {
      if (!other.fingerprint().equals(registration.fingerprint())) {
        return refuse(
            registration,
            ErrorCategory.CONFIGURATION,
            "host "
                + member.host()
                + " computes with "
                + registration.fingerprint()
                + " but host "
                + other.member().host()
                + " with "
                + other.fingerprint()
                + ", so their results would differ in the last bits; use hosts of one kind");
      }
    }
    byPartition.put(member.partition(), registration);
    return Optional.empty();
  }

  private static Optional<ControlMessage.Refusal> refuse(
      Register registration, ErrorCategory category, String sentence) {
    return Optional.of(new ControlMessage.Refusal(registration.runId(), category, sentence));
  }

  int count() {
    return byPartition.size();
  }

  boolean isComplete() {
    return byPartition.size() == expected;
  }

  /// The registrations in rank order: contiguous per host, then by partition.
  List<Register> ranked() {
    List<Register> all = new ArrayList<>(byPartition.values());
    all.sort(
        Comparator.comparing((Register registration) -> registration.member().host())
            .thenComparing(registration -> registration.member().partition()));
    return all;
  }

  /// The members in rank order.
  List<Member> members() {
    List<Member> members = new ArrayList<>();
    for (Register registration : ranked()) {
      Member member = registration.member();
      members.add(
          new Member(
              members.size(),
              member.executor(),
              member.host(),
              member.pid(),
              member.partition(),
              member.attempt(),
              member.controlAddress(),
              member.dataAddress()));
    }
    return members;
  }
}
