package dev.bellows.parallelism.plan;

import dev.bellows.nn.Shard;
import dev.bellows.nn.Shard.Piece;
import dev.bellows.nn.Split;
import dev.bellows.parallelism.plan.ModelTraits.Family;
import dev.bellows.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// How the tensor axis splits each parameter of a family, by its name (Shoeybi et al. 2019).
final class TensorRules {
  private record Rule(Pattern names, Split split) {
    static Rule of(String names, Split split) {
      return new Rule(Pattern.compile(names), split);
    }
  }

  private static final List<Rule> GPT =
      List.of(
          Rule.of("(wte|lm_head)\\.weight", Split.VOCABULARY),
          Rule.of("h\\.\\d+\\.attn\\.c_attn\\.(weight|bias)", Split.HEADS),
          Rule.of("h\\.\\d+\\.mlp\\.c_fc\\.(weight|bias)", Split.COLUMN),
          Rule.of("h\\.\\d+\\.(attn|mlp)\\.c_proj\\.weight", Split.ROW),
          Rule.of("h\\.\\d+\\.(attn|mlp)\\.c_proj\\.bias", Split.REPLICATED),
          Rule.of("wpe\\.weight|(h\\.\\d+\\.ln_[12]|ln_f)\\.(weight|bias)", Split.REPLICATED));

  private static final List<Rule> LLAMA =
      List.of(
          Rule.of("(model\\.embed_tokens|lm_head)\\.weight", Split.VOCABULARY),
          Rule.of("model\\.layers\\.\\d+\\.self_attn\\.qkv_proj\\.weight", Split.HEADS),
          Rule.of("model\\.layers\\.\\d+\\.mlp\\.gate_up_proj\\.weight", Split.HALVES),
          Rule.of("model\\.layers\\.\\d+\\.(self_attn\\.o|mlp\\.down)_proj\\.weight", Split.ROW),
          Rule.of("model\\.(layers\\.\\d+\\.\\w+layernorm|norm)\\.weight", Split.REPLICATED));

  private static final Pattern MLP_LAYER = Pattern.compile("layers\\.(\\d+)\\.(?:weight|bias)");

  private final ModelTraits traits;
  private final int degree;

  /// Rules for `degree` tensor ranks. Errors: [IllegalArgumentException] in one sentence when they cannot share the model.
  TensorRules(ModelTraits traits, int degree) {
    this.traits = traits;
    this.degree = degree;
    check(
        degree == 1 || traits.family() != Family.WHOLE,
        "parallel.tensor is "
            + degree
            + ", but there is no rule that splits a model of this kind; it must be 1");
    if (traits.isDecoder()) {
      check(
          traits.heads() % degree == 0,
          "parallel.tensor is "
              + degree
              + "; it must divide model.heads, which is "
              + traits.heads());
      int keyValueHeads = traits.keyValueHeads();
      check(
          keyValueHeads % degree == 0 || degree % keyValueHeads == 0,
          "parallel.tensor is "
              + degree
              + "; it must divide model.keyValueHeads, which is "
              + keyValueHeads
              + ", or be a multiple of it");
    }
  }

  private static void check(boolean condition, String sentence) {
    if (!condition) {
      throw new IllegalArgumentException(sentence);
    }
  }

  /// How the parameter `name` is split. A name without a rule is a defect of the rules: silently copying it would hide that.
  Split split(String name) {
    return switch (traits.family()) {
      case GPT -> first(GPT, name);
      case LLAMA -> first(LLAMA, name);
      case MLP -> perceptron(name);
      case WHOLE -> Split.REPLICATED;
    };
  }

  private static Split first(List<Rule> rules, String name) {
    return rules.stream()
        .filter(rule -> rule.names().matcher(name).matches())
        .findFirst()
        .map(Rule::split)
        .orElseThrow(() -> new IllegalStateException("no rule says how " + name + " is split"));
  }

  /// Layers in pairs, column-parallel and row-parallel: one sum a pair. A column-parallel last layer splits the classes.
  private Split perceptron(String name) {
    Matcher matcher = MLP_LAYER.matcher(name);
    if (!matcher.matches()) {
      throw new IllegalStateException("no rule says which layer " + name + " belongs to");
    }
    int layer = Integer.parseInt(matcher.group(1));
    if (layer % 2 == 0) {
      return layer == traits.layers() - 1 ? Split.VOCABULARY : Split.COLUMN;
    }
    return name.endsWith(".weight") ? Split.ROW : Split.REPLICATED;
  }

  /// What tensor rank `rank` holds of a parameter of `shape`. Errors: [IllegalArgumentException] in one sentence when the ranks cannot share it.
  Shard shard(String name, Shape shape, int rank) {
    return switch (split(name)) {
      case REPLICATED -> Shard.whole(shape, rank, degree);
      case COLUMN -> even(name, shape, 0, rank, 1);
      case ROW -> even(name, shape, 1, rank, 1);
      case HALVES -> even(name, shape, 0, rank, 2);
      case HEADS -> heads(shape, rank);
      case VOCABULARY -> vocabulary(name, shape, rank);
    };
  }

  private Shard even(String name, Shape shape, int dim, int rank, int parts) {
    long size = shape.dim(dim) / parts;
    check(
        size % degree == 0,
        "parallel.tensor is "
            + degree
            + ", which does not divide the "
            + size
            + (dim == 0 ? " outputs of " : " inputs of ")
            + name
            + "; valid would be "
            + divisors(size));
    List<Piece> pieces = new ArrayList<>();
    for (int part = 0; part < parts; part++) {
      pieces.add(new Piece(part * size + rank * (size / degree), size / degree, 0, 1));
    }
    return new Shard(shape, dim, pieces);
  }

  /// Divisors that could be a degree: no one splits a layer over thousands of ranks.
  private static String divisors(long size) {
    return String.join(
        ", ",
        IntStream.rangeClosed(1, (int) Math.min(size, 64))
            .filter(divisor -> size % divisor == 0)
            .mapToObj(Integer::toString)
            .toList());
  }

  private Shard heads(Shape shape, int rank) {
    long headWidth = traits.width() / traits.heads();
    long queries = traits.heads() * headWidth;
    long keys = traits.keyValueHeads() * headWidth;
    long own = queries / degree;
    Piece query = new Piece(rank * own, own, 0, 1);
    int copies = Math.max(1, degree / traits.keyValueHeads());
    long width = Math.max(headWidth, keys / degree);
    long start = queries + rank / copies * width;
    return new Shard(
        shape,
        0,
        List.of(
            query,
            new Piece(start, width, rank % copies, copies),
            new Piece(start + keys, width, rank % copies, copies)));
  }

  private Shard vocabulary(String name, Shape shape, int rank) {
    long rows = shape.dim(0);
    check(
        rows >= degree,
        "parallel.tensor is " + degree + ", more than the " + rows + " rows of " + name);
    long start = rank * (rows / degree) + Math.min(rank, rows % degree);
    long extent = rows / degree + (rank < rows % degree ? 1 : 0);
    return new Shard(shape, 0, List.of(new Piece(start, extent, 0, 1)));
  }
}
