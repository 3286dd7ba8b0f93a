package dev.bellows.trainer.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.OptionalDouble;

/// An entry of `optimizer.groups`: parameters that are updated in another way than the rest. A parameter belongs to the first entry that matches its
/// name.
///
/// @param match pattern of the whole parameter name, such as `h.*.bias`: `*` stands for any characters, dots included, `?` for one
/// @param learningRateScale factor on the scheduled learning rate, above 0; default 1
/// @param weightDecay instead of `optimizer.weightDecay`, and then also for parameters that are never decayed otherwise: biases, norms; left
///     out: as without the group
/// @param frozen whether the parameters keep their values; default false
/// @param rule which of muon's two rules updates them; default `auto` (muon)
public record GroupSection(
    String match,
    @Default("1") double learningRateScale,
    @Default("") OptionalDouble weightDecay,
    @Default("false") boolean frozen,
    @Default("auto") Rule rule) {
  /// The rules of `optimizer.kind` muon.
  public enum Rule {
    /// Matrices by Muon, everything else, embeddings and the head by AdamW.
    AUTO,
    /// Muon.
    MUON,
    /// AdamW.
    ADAMW
  }

  public GroupSection {
    Check.that(
        !match.isBlank(),
        "optimizer.groups.match",
        "optimizer.groups.match is empty; it must be a pattern of parameter names, such as *.bias");
    Check.positive("optimizer.groups.learningRateScale", learningRateScale);
    if (weightDecay.isPresent()) {
      Check.notNegative("optimizer.groups.weightDecay", weightDecay.getAsDouble());
    }
  }

  /// Whether a parameter of this name belongs to the group, if no earlier one takes it.
  public boolean matches(String name) {
    return matches(match, 0, name, 0);
  }

  private static boolean matches(String pattern, int p, String name, int n) {
    if (p == pattern.length()) {
      return n == name.length();
    }
    char c = pattern.charAt(p);
    if (c == '*') {
      for (int rest = n; rest <= name.length(); rest++) {
        if (matches(pattern, p + 1, name, rest)) {
          return true;
        }
      }
      return false;
    }
    return n < name.length()
        && (c == '?' || c == name.charAt(n))
        && matches(pattern, p + 1, name, n + 1);
  }

  /// The name of `names` that the pattern was most likely meant for. `names` is not empty.
  public String nearest(Collection<String> names) {
    String wanted = match.replace("*", "").replace("?", "").toLowerCase(Locale.ROOT);
    return names.stream()
        .min(Comparator.comparingInt(name -> editsToPart(wanted, name.toLowerCase(Locale.ROOT))))
        .orElseThrow();
  }

  /// Edits between the pattern's letters and the name, what `*` may stand for free.
  private int editsToPart(String wanted, String name) {
    int edits = Keys.edits(wanted, name);
    int free = match.contains("*") ? Math.max(0, name.length() - wanted.length()) : 0;
    return edits - free;
  }
}
