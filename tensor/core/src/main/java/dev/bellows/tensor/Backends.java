package dev.bellows.tensor;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;

/// Finds backends on the class path.
public final class Backends {
  private static final System.Logger LOG = System.getLogger(Backends.class.getName());

  private Backends() {}

  /// Opens the backend called `name`, or with `auto` the first of the highest priority that runs here. Each refusal is logged with its
  /// reason. A named backend that cannot run fails; nothing falls back quietly. Errors: [BackendUnavailableException].
  public static Backend open(String name, BackendOptions options) {
    if (name.equals("reference")) {
      return new ReferenceBackend();
    }
    List<BackendProvider> providers = new ArrayList<>();
    ServiceLoader.load(BackendProvider.class, Backends.class.getClassLoader())
        .forEach(providers::add);
    providers.sort(Comparator.comparingInt(BackendProvider::priority).reversed());
    List<String> refusals = new ArrayList<>();
    for (BackendProvider provider : providers) {
      if (name.equals("auto") || name.equals(provider.name())) {
        try {
          return provider.open(options);
        } catch (BackendUnavailableException e) {
          if (!name.equals("auto")) {
            throw e;
          }
          LOG.log(Level.INFO, "backend {0} is not used: {1}", provider.name(), e.getMessage());
          refusals.add(provider.name() + ": " + e.getMessage());
        }
      }
    }
    if (providers.isEmpty() && name.equals("auto")) {
      throw new BackendUnavailableException(
          "no backend is on the class path; add tensor/cpu, or ask for the slow one by name:"
              + " reference");
    }
    List<String> known = new ArrayList<>(providers.stream().map(BackendProvider::name).toList());
    known.add("reference");
    throw new BackendUnavailableException(
        refusals.isEmpty()
            ? "there is no backend called " + name + "; known are " + String.join(", ", known)
            : "no backend can run here: " + String.join("; ", refusals));
  }
}
