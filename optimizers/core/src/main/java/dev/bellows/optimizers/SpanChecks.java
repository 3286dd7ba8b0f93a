package dev.bellows.optimizers;

import dev.bellows.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What an [Optimizer] asks of the places of parameters in its flat buffers.
final class SpanChecks {
  private SpanChecks() {}

  static void check(
      List<SliceSpan> spans, List<Treatment> treatments, Tensor values, Tensor gradients) {
    if (values.shape().rank() != 1
        || gradients.shape().rank() != 1
        || values.dtype() != gradients.dtype()) {
      throw new IllegalArgumentException(
          "flat values and gradients should have one dtype and one dim, not "
              + values
              + " and "
              + gradients);
    }
    if (treatments.size() != spans.size()) {
      throw new IllegalArgumentException(
          spans.size() + " parameters have " + treatments.size() + " treatments; each needs one");
    }
    Map<String, SliceSpan> names = new HashMap<>();
    long valueEnd = 0;
    long gradientEnd = 0;
    for (int i = 0; i < spans.size(); i++) {
      SliceSpan span = spans.get(i);
      requireApart(span, names.put(span.name(), span));
      requireWhole(span, treatments.get(i));
      requireBehind(span, span.valueOffset(), valueEnd);
      requireBehind(span, span.gradientOffset(), gradientEnd);
      valueEnd = span.valueEnd();
      gradientEnd = span.gradientEnd();
    }
    requireInside(spans, valueEnd, values);
    requireInside(spans, gradientEnd, gradients);
  }

  /// A name may come again only for a later run of the same parameter.
  private static void requireApart(SliceSpan span, SliceSpan before) {
    if (before != null
        && (before.start() + before.extent() > span.start()
            || before.isWhole()
            || !before.shape().equals(span.shape()))) {
      throw new IllegalArgumentException("two parameters are called " + span.name());
    }
  }

  private static void requireWhole(SliceSpan span, Treatment treatment) {
    if (!span.isWhole() && !treatment.frozen() && treatment.rule().need() != Need.ELEMENT) {
      throw new IllegalArgumentException(
          "the rule of "
              + span.name()
              + " sees more than single elements, but this rank holds elements "
              + span.start()
              + " to "
              + (span.start() + span.extent())
              + " of "
              + span.shape().elements()
              + "; give the whole parameter to one rank");
    }
  }

  private static void requireBehind(SliceSpan span, long offset, long end) {
    if (offset < end) {
      throw new IllegalArgumentException(
          "parameter "
              + span.name()
              + " starts at element "
              + offset
              + " before its predecessor's end, "
              + end);
    }
  }

  private static void requireInside(List<SliceSpan> spans, long end, Tensor flat) {
    if (end > flat.elements()) {
      throw new IllegalArgumentException(
          "parameter "
              + spans.getLast().name()
              + " ends at element "
              + end
              + " of flat buffers of "
              + flat.elements());
    }
  }
}
