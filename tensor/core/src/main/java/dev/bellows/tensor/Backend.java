package dev.bellows.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Set;

/// The primitives of one device. [ReferenceBackend] is the scalar oracle of every other implementation.
///
/// Rules that hold for every operation: tensors are contiguous and live on this backend's device; outputs are allocated by the
/// caller and never overlap an input unless the operation says so; tensors are borrowed for the call. Floating tensors of one call
/// share a dtype (F32; the oracle also takes F64) unless stated. Work is cut into tiles that depend on the shapes only, each computed by
/// one thread, so the bits of a result do not depend on the number of threads. A shape mismatch is an
/// [IllegalArgumentException] before anything is written. Threads: one caller at a time.
public interface Backend extends AutoCloseable {
  /// Short name: `reference`, `cpu`, `cuda`.
  String name();

  /// One line for the start banner: device, instruction set, library versions, threads.
  String description();

  /// Everything that can change a result's bits: backend, instruction set, library versions, tile configuration. Equal
  /// fingerprints promise equal bits.
  String fingerprint();

  /// The dtypes, of F32 and BF16, whose products this device computes at its full speed.
  Set<DType> productTypes();

  /// The device of this backend's tensors.
  Device device();

  /// The memory that this backend allocates from.
  MemoryPool memory();

  /// A tensor with undefined contents, owned once by the caller.
  default Tensor allocate(DType dtype, Shape shape, Category category) {
    return new Tensor(
        dtype,
        shape,
        memory().allocate(Math.multiplyExact(shape.elements(), dtype.bytes()), category),
        0);
  }

  // Moving and element-wise

  /// Sets every element of `x` to `value`.
  void fill(Tensor x, double value);

  /// Copies `source` to `target`, element by element, converting between dtypes: to the nearest floating value, ties to even; to an integer
  /// by truncation, then to the nearest that fits; to BOOL by `!= 0`. Equal element counts.
  void copy(Tensor source, Tensor target);

  /// `out = a + b`; `out` may be `a` or `b`.
  void add(Tensor a, Tensor b, Tensor out);

  /// `x *= factor`.
  void scale(Tensor x, double factor);

  /// `y = gelu(x)`, tanh form (Hendrycks and Gimpel 2016), as GPT-2 uses it; also in BF16.
  void gelu(Tensor x, Tensor y);

  /// `dx = dy * gelu'(x)`; `dx` may be `dy`. Also in BF16.
  void geluBackward(Tensor x, Tensor dy, Tensor dx);

  /// `y = max(x, 0)`.
  void relu(Tensor x, Tensor y);

  /// `dx = dy where y > 0, else 0`, from the forward output `y`; `dx` may be `dy`.
  void reluBackward(Tensor y, Tensor dy, Tensor dx);

  // Products

  /// `c = op(a) op(b)`, or `c += …` when the spec accumulates. `op(a)` is [M, K], `op(b)` [K, N], `c` [M, N]. `a` and `b` may both be BF16;
  /// the sums and a bias are F32 then, and `c` is F32, or BF16 where nothing accumulates.
  void gemm(Gemm spec, Tensor a, Tensor b, Tensor c);

  /// The same with `bias` [N] added to each row of the product.
  void gemmBias(Gemm spec, Tensor a, Tensor b, Tensor bias, Tensor c);

  /// `out[n] = sum over m of x[m, n]` (or `+=`), summed over fixed row blocks in order. Shapes: `x` [M, N], also BF16, `out` [N], F32 then.
  void columnSums(Tensor x, Tensor out, boolean accumulate);

  // Layers

  /// Layer normalisation (Ba et al. 2016). Shapes: `x`, `y` [M, N]; `gamma`, `beta` [N]; `mean`, `inverseDeviation` [M] are kept for
  /// backward.
  void layerNorm(
      Tensor x,
      Tensor gamma,
      Tensor beta,
      double epsilon,
      Tensor y,
      Tensor mean,
      Tensor inverseDeviation);

  /// Gradients of [#layerNorm]. `dx` [M, N] is overwritten and may be `dy`; `dgamma` and `dbeta` [N] are overwritten, or added to when
  /// `accumulate`.
  void layerNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor inverseDeviation,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      Tensor dbeta,
      boolean accumulate);

  /// Root-mean-square normalisation (Zhang and Sennrich 2019): `y = gamma · x / sqrt(avg(x²) + epsilon)`. Shapes: `x`, `y` [M, N]; `gamma` [N];
  /// `inverseRms` [M] is kept for backward.
  void rmsNorm(Tensor x, Tensor gamma, double epsilon, Tensor y, Tensor inverseRms);

  /// Gradients of [#rmsNorm]. `dx` [M, N] is overwritten and may be `dy`; `dgamma` [N] is overwritten, or added to when `accumulate`.
  void rmsNormBackward(
      Tensor x,
      Tensor gamma,
      Tensor inverseRms,
      Tensor dy,
      Tensor dx,
      Tensor dgamma,
      boolean accumulate);

  /// The gated unit SwiGLU (Shazeer 2020): `y = silu(gate) · up`. Shapes: `x` [M, 2N], each row all gates, then all ups; `y` [M, N].
  void swiGlu(Tensor x, Tensor y);

  /// Gradient of [#swiGlu]; `dx` has the shape of `x` and is overwritten.
  void swiGluBackward(Tensor x, Tensor dy, Tensor dx);

  /// Rotary position embedding, see [Rotary]. Shapes: `x`, `y` [M, N] with N of at least heads · headWidth; `y` may be `x`. The gradient is the
  /// same call with [Rotary#inverted].
  void rotary(Rotary spec, Tensor x, Tensor y);

  /// `out[m] = table[ids[m]]`, or `+=` when `accumulate`. Shapes: `ids` I32 [M], `table` [V, N], `out` [M, N]. An id outside [0, V) is an
  /// [IndexOutOfBoundsException].
  void embedding(Tensor ids, Tensor table, Tensor out, boolean accumulate);

  /// `dtable[ids[m]] += dout[m]`, in row order.
  void embeddingBackward(Tensor ids, Tensor dout, Tensor dtable);

  /// Scaled dot-product attention, softmax(q kᵀ / sqrt(headWidth)) v per head, causal when the spec says so, without a time × time tensor
  /// in memory (Dao et al. 2022). Shapes: `qkv` [batch·time, (heads + 2·keyValueHeads)·headWidth], each row all query heads, then all key
  /// heads, then all value heads; query head h reads key and value head h / (heads / keyValueHeads); `out` [batch·time, heads·headWidth]; `logSumExp` [batch·heads·time] is kept for backward. `qkv` and `out` may
  /// be BF16; `logSumExp` and the sums are F32 then, and the probabilities may be rounded to BF16 as operands of a product.
  void attention(Attention spec, Tensor qkv, Tensor out, Tensor logSumExp);

  /// Gradient of [#attention]; `dqkv` has the shape of `qkv` and is overwritten.
  void attentionBackward(
      Attention spec, Tensor qkv, Tensor out, Tensor logSumExp, Tensor dout, Tensor dqkv);

  /// 2-D convolution, see [Convolution]. Shapes: `x` [M, inElements], `weight` [outChannels, inChannels, kernel, kernel], `bias` [outChannels],
  /// `y` [M, outElements].
  void convolution(Convolution spec, Tensor x, Tensor weight, Tensor bias, Tensor y);

  /// Gradient of the input of [#convolution]; `dx` [M, inElements] is overwritten.
  void convolutionInputGradient(Convolution spec, Tensor weight, Tensor dy, Tensor dx);

  /// Gradients of the parameters of [#convolution], overwritten, or added to when `accumulate`.
  void convolutionWeightGradient(
      Convolution spec, Tensor x, Tensor dy, Tensor dweight, Tensor dbias, boolean accumulate);

  /// The largest element of each window, see [Pooling]; a NaN counts as the largest. Shapes: `x` [M, inElements]; `y` and `places` I32 [M, outElements];
  /// `places`, where in its channel's plane the element lies (the first among equals), is kept for backward.
  void maxPool(Pooling spec, Tensor x, Tensor y, Tensor places);

  /// Gradient of [#maxPool]: each element of `dy` is added where its element came from; `dx` [M, inElements] is overwritten. `places` must be what
  /// [#maxPool] wrote.
  void maxPoolBackward(Pooling spec, Tensor places, Tensor dy, Tensor dx);

  /// Dropout (Srivastava et al. 2014): `y = x / (1 - probability)` where `spec` keeps the element, else 0. Shapes: `x`, `y` [M, N]; `y` may be `x`.
  /// The gradient is the same call on the gradient.
  void dropout(Dropout spec, Tensor x, Tensor y);

  /// Cross-entropy of softmax(`logits`) in nats, with what `loss` adds. Shapes: `logits` [M, V], `targets` I32 [M], `losses` [M]. A negative target
  /// is ignored: its loss is 0. A target of V or more is an [IndexOutOfBoundsException].
  void crossEntropy(Loss loss, Tensor logits, Tensor targets, Tensor losses);

  /// Plain cross-entropy.
  default void crossEntropy(Tensor logits, Tensor targets, Tensor losses) {
    crossEntropy(Loss.PLAIN, logits, targets, losses);
  }

  /// The same, and its gradient in one pass: `dlogits = scale · d losses / d logits`, for a plain loss `scale · (softmax(logits) - onehot(targets))`,
  /// 0 in ignored rows; `dlogits` may be `logits`.
  void crossEntropyWithGradient(
      Loss loss, Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits);

  /// Plain cross-entropy and its gradient.
  default void crossEntropyWithGradient(
      Tensor logits, Tensor targets, double scale, Tensor losses, Tensor dlogits) {
    crossEntropyWithGradient(Loss.PLAIN, logits, targets, scale, losses, dlogits);
  }

  // Parts of a vocabulary (Shoeybi et al. 2019): each tensor rank has some rows of a token table,
  // or the logits of some classes

  /// Numbers that say of a row of logits what the loss must know of a part of its classes.
  int STATISTICS = 4;

  /// `out[m] = table[ids[m] - part.first]`, or zeros where the part does not have the id. Shapes: `ids` I32 [M], `table` [V, N], `out` [M, N]. An id outside
  /// [0, part.total) is an [IndexOutOfBoundsException].
  void embedding(VocabularyPart part, Tensor ids, Tensor table, Tensor out);

  /// `dtable[ids[m] - part.first] += dout[m]`, in row order, for the ids that the part has.
  void embeddingBackward(VocabularyPart part, Tensor ids, Tensor dout, Tensor dtable);

  /// What the cross-entropy of `loss` must know of the classes of one part. Shapes: `logits` [M, N]; `targets` I32 [M], classes of the whole vocabulary,
  /// as in [#crossEntropy]; `statistics` [M, 4], a row's largest logit, the sum of exp(logit - largest), the target's logit or 0 when another part has it,
  /// and the sum of the logits, or 0 without label smoothing; `exponentials` [M, N] is exp(logit - largest) and may be `logits`.
  void crossEntropyPart(
      Loss loss,
      VocabularyPart part,
      Tensor logits,
      Tensor targets,
      Tensor statistics,
      Tensor exponentials);

  /// The losses of [#crossEntropy] over a vocabulary of `total` classes, from the statistics of its P parts in order, combined in FP64. Shapes: `targets`
  /// I32 [M], `statistics` [P, M, 4], `losses` [M].
  void crossEntropyOfParts(Loss loss, long total, Tensor targets, Tensor statistics, Tensor losses);

  /// Turns the exponentials of one part into `scale` times the gradient of the part's logits, in place. Shapes: `targets` I32 [M], `statistics` [P, M, 4]
  /// as above, `gradient` [M, N], on entry what [#crossEntropyPart] left in `exponentials`.
  void crossEntropyOfPartsGradient(
      Loss loss,
      VocabularyPart part,
      Tensor targets,
      double scale,
      Tensor statistics,
      Tensor gradient);

  // Reductions, in FP64 and fixed order

  /// Sum of the elements: FP64 sums of blocks of [#BLOCK] elements, added in block order.
  double sum(Tensor x);

  /// Sum of the squares: FP64 sums of blocks of [#BLOCK] elements counted from the tensor's start, added in block order. NaN or infinite
  /// when an element is.
  double squaredNorm(Tensor x);

  /// Elements in one block of a fixed-order reduction; ZeRO slices are cut only at these borders.
  int BLOCK = 4096;

  // Update rules, element-wise over flat buffers; an element's bits do not depend on where a buffer
  // was cut into slices

  /// One AdamW step (Loshchilov and Hutter 2019). Shapes: all [N]. `gradient` is read only.
  void adamW(
      AdamWStep step, Tensor parameter, Tensor gradient, Tensor firstMoment, Tensor secondMoment);

  /// One step of SGD with momentum. Shapes: all [N]. `gradient` is read only.
  void sgd(SgdStep step, Tensor parameter, Tensor gradient, Tensor momentum);

  /// One Lion step (Chen et al. 2023). Shapes: all [N]. `gradient` is read only.
  void lion(LionStep step, Tensor parameter, Tensor gradient, Tensor momentum);

  // The second moment of a matrix by its rows and columns (Shazeer and Stern 2018)

  /// Moves running means of squares towards those of `g = scale·gradient`: `rows[m] += weight·(mean over n of g[m, n]² - rows[m])`, and
  /// `columns[n]` likewise over m. FP64 sums. Shapes: `gradient` [M, N], `rows` [M], `columns` [N]; nothing happens when M or N is 0.
  void factoredMoments(double scale, double weight, Tensor gradient, Tensor rows, Tensor columns);

  /// `update = scale·gradient / sqrt(max(rows[m] / rowMean · columns[n], floor))`. Shapes: `gradient`, `update` [M, N]; `rows` [M];
  /// `columns` [N].
  void factoredUpdate(
      double scale,
      double rowMean,
      double floor,
      Tensor gradient,
      Tensor rows,
      Tensor columns,
      Tensor update);

  // Host access

  /// Copies `host` bytes into `x`, as many as `x` has. Returns when `host` may be reused.
  void upload(MemorySegment host, Tensor x);

  /// Copies the bytes of `x` to `host`, which has as many. Returns when they are there.
  void download(Tensor x, MemorySegment host);

  /// Frees the cached memory and stops the threads. Errors: [IllegalStateException] that lists buffers never released.
  @Override
  void close();
}
