package dev.bellows.tensor;

/// One part of a vocabulary that is cut into contiguous parts, in order: a run of token ids, or of classes. How long it is, the table or the logits
/// of a call say.
///
/// @param index which part it is, from 0
/// @param first its first id or class
/// @param total ids or classes of all parts together
public record VocabularyPart(int index, long first, long total) {
  public VocabularyPart {
    if (index < 0 || first < 0 || first > total) {
      throw new IllegalArgumentException(
          "part "
              + index
              + " of a vocabulary of "
              + total
              + " cannot start at "
              + first
              + "; it should start inside");
    }
  }
}
