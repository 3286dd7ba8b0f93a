package dev.bellows.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bellows.tensor.OperationCase.Role;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/// What every [Backend] promises, as a suite: subclass it and say how to open the backend.
///
/// Each operation is checked against [ReferenceBackend] over awkward sizes, aliases and guarded, also unaligned, slices; against itself for 1, 2
/// and 3 threads, bit by bit; and for refusing wrong arguments before it writes. Leaks fail the class at its end.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendConformance {
  private static final int ALIGNED = 16;
  private static final int UNALIGNED = 3;

  private List<OperationCase> cases = List.of();
  private List<Backend> backends = List.of();
  private final ReferenceBackend reference = new ReferenceBackend();

  /// Opens the backend under test with `threads` compute threads.
  protected abstract Backend open(int threads);

  /// The dtypes between which [Backend#copy] converts; a subclass declares here what it leaves out.
  protected Set<DType> copiedDTypes() {
    return EnumSet.allOf(DType.class);
  }

  @BeforeAll
  void openAll() {
    backends = IntStream.rangeClosed(1, 3).mapToObj(this::open).toList();
    cases = allCases();
  }

  /// Closing fails when an operation or this suite leaked a buffer.
  @AfterAll
  void closeAll() {
    backends.forEach(Backend::close);
    reference.close();
  }

  private List<OperationCase> allCases() {
    return Stream.of(
            ElementwiseCases.moving(),
            ElementwiseCases.copies(copiedDTypes()),
            ElementwiseCases.activations(),
            ElementwiseCases.reductions(),
            ElementwiseCases.updates(),
            UpdateCases.lion(),
            UpdateCases.factored(),
            LayerCases.products(),
            backends.getFirst().productTypes().contains(DType.BF16)
                ? halfCases()
                : List.<OperationCase>of(),
            LayerCases.columnSums(),
            LayerCases.layerNorms(),
            LayerCases.embeddings(),
            LayerCases.losses(),
            VocabularyCases.embeddings(),
            VocabularyCases.losses(),
            LlamaCases.rmsNorms(),
            LlamaCases.swiGlus(),
            LlamaCases.rotaries(),
            DropoutCases.dropouts(),
            ConvolutionCases.convolutions(),
            ConvolutionCases.poolings(),
            LayerCases.attentions())
        .flatMap(List::stream)
        .toList();
  }

  private static List<OperationCase> halfCases() {
    return Stream.of(
            ElementwiseCases.halfActivations(),
            LayerCases.halfProducts(),
            LayerCases.halfColumnSums(),
            LayerCases.halfAttentions())
        .flatMap(List::stream)
        .toList();
  }

  /// One test per operation; a failure names the case and the seed.
  private Stream<DynamicNode> perOperation(Function<OperationCase, Runnable> check) {
    return cases.stream()
        .collect(
            Collectors.groupingBy(
                c -> c.name().split(" ", 2)[0], LinkedHashMap::new, Collectors.toList()))
        .entrySet()
        .stream()
        .map(
            operation ->
                DynamicContainer.dynamicContainer(
                    operation.getKey(),
                    operation.getValue().stream()
                        .map(c -> DynamicTest.dynamicTest(c.name(), () -> check.apply(c).run()))));
  }

  @TestFactory
  Stream<DynamicNode> matchesReference() {
    return perOperation(
        operation ->
            () -> {
              OperationRunner.Outcome expected =
                  OperationRunner.run(reference, operation, ALIGNED, false);
              OperationRunner.Outcome aligned =
                  OperationRunner.run(backends.getLast(), operation, ALIGNED, true);
              OperationRunner.compare(operation, expected, aligned, true);
              OperationRunner.Outcome unaligned =
                  OperationRunner.run(backends.getLast(), operation, UNALIGNED, true);
              OperationRunner.sameBits(operation, "another alignment", aligned, unaligned);
            });
  }

  @TestFactory
  Stream<DynamicNode> bitsDoNotDependOnThreads() {
    return perOperation(
        operation ->
            () -> {
              OperationRunner.Outcome one =
                  OperationRunner.run(backends.getFirst(), operation, ALIGNED, true);
              for (int threads = 2; threads <= backends.size(); threads++) {
                OperationRunner.Outcome many =
                    OperationRunner.run(backends.get(threads - 1), operation, ALIGNED, true);
                OperationRunner.sameBits(operation, threads + " threads", one, many);
              }
            });
  }

  /// A case of several arguments, each in turn with a wrong shape or dtype; small cases are enough.
  @TestFactory
  Stream<DynamicNode> refusesWrongArgumentsBeforeWriting() {
    return cases.stream()
        .filter(c -> c.arguments().size() > 1 && !c.name().startsWith("copy"))
        .filter(
            c ->
                c.arguments().stream()
                    .allMatch(
                        a ->
                            a.shape().elements() > 1
                                && a.shape().elements() < 1000
                                && a.alias().isEmpty()))
        .flatMap(c -> OperationRunner.broken(c).stream())
        .map(broken -> DynamicTest.dynamicTest(broken.name(), () -> refused(broken)));
  }

  private void refused(OperationCase broken) {
    refused(broken, IllegalArgumentException.class, backends.getFirst());
  }

  private static void refused(
      OperationCase broken, Class<? extends RuntimeException> error, Backend backend) {
    OperationCase watched =
        new OperationCase(
            broken.name(),
            broken.arguments(),
            (b, tensors) -> {
              assertThrows(error, () -> broken.call().run(b, tensors), broken::name);
              return new double[0];
            },
            broken.scalarTolerance());
    OperationRunner.Outcome outcome = OperationRunner.run(backend, watched, ALIGNED, false);
    for (OperationCase.Argument argument : broken.arguments()) {
      byte[] after = outcome.contents().get(argument.name());
      assertArrayEquals(
          argument.content(), after, () -> broken + ": " + argument.name() + " was written");
    }
  }

  @Test
  void copyRefusesOtherElementCounts() {
    OperationCase wrong =
        OperationCase.of("copy")
            .raw("source", DType.F32, Role.INPUT, new byte[12])
            .raw("target", DType.F32, Role.OUTPUT, new byte[16])
            .call((b, t) -> b.copy(t.apply("source"), t.apply("target")));
    refused(wrong);
  }

  @Test
  void idsOutsideTheTableAreRefusedBeforeWriting() {
    for (int bad : new int[] {-1, 5, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      outOfBounds(
          OperationCase.of("embedding", bad)
              .ids("ids", 0, bad)
              .input("table", new float[10], 5, 2)
              .updated("out", new float[4], OperationCase.Tolerance.EXACT, 2, 2)
              .call(
                  (b, t) -> b.embedding(t.apply("ids"), t.apply("table"), t.apply("out"), false)));
      outOfBounds(
          OperationCase.of("embeddingBackward", bad)
              .ids("ids", 0, bad)
              .input("dout", new float[] {1, 1, 1, 1}, 2, 2)
              .updated("dtable", new float[10], OperationCase.Tolerance.EXACT, 5, 2)
              .call(
                  (b, t) ->
                      b.embeddingBackward(t.apply("ids"), t.apply("dout"), t.apply("dtable"))));
      if (bad >= 0) {
        outOfBounds(
            OperationCase.of("crossEntropy", bad)
                .input("logits", new float[10], 2, 5)
                .ids("targets", 0, bad)
                .updated("losses", new float[2], OperationCase.Tolerance.EXACT, 2)
                .call(
                    (b, t) ->
                        b.crossEntropy(t.apply("logits"), t.apply("targets"), t.apply("losses"))));
      }
    }
  }

  private void outOfBounds(OperationCase operation) {
    backends.forEach(backend -> refused(operation, IndexOutOfBoundsException.class, backend));
  }

  @Test
  void anyThreadMayCallInTurn() throws InterruptedException {
    OperationCase operation =
        cases.stream().filter(c -> c.name().startsWith("gemmBias")).toList().getLast();
    OperationRunner.Outcome here =
        OperationRunner.run(backends.getLast(), operation, ALIGNED, true);
    OperationRunner.Outcome[] there = new OperationRunner.Outcome[1];
    Thread thread =
        new Thread(
            () -> there[0] = OperationRunner.run(backends.getLast(), operation, ALIGNED, true),
            "other caller");
    thread.start();
    thread.join();
    OperationRunner.sameBits(operation, "another calling thread", here, there[0]);
  }

  /// A shard of a flat buffer is updated to the bits that it has in the whole, wherever it was cut: vector tails compute like vector bodies.
  @Test
  void updatesOfSlicesHaveTheBitsOfTheWhole() {
    List<OperationCase> whole =
        cases.stream()
            .filter(c -> c.name().startsWith("adamW [4097") || c.name().startsWith("sgd [4097"))
            .toList();
    assertEquals(12, whole.size());
    for (OperationCase operation : whole) {
      OperationRunner.Outcome expected =
          OperationRunner.run(backends.getLast(), operation, ALIGNED, false);
      for (int cut : new int[] {1, 1000, 4091, 4096}) {
        OperationCase inParts =
            new OperationCase(
                operation.name(),
                operation.arguments(),
                (backend, tensors) -> {
                  operation.call().run(backend, name -> tensors.apply(name).slice(0, cut));
                  return operation
                      .call()
                      .run(backend, name -> tensors.apply(name).slice(cut, 4097 - cut));
                },
                operation.scalarTolerance());
        OperationRunner.Outcome actual =
            OperationRunner.run(backends.getLast(), inParts, ALIGNED, false);
        OperationRunner.sameBits(operation, "a cut at " + cut, expected, actual);
      }
    }
  }

  @Test
  void transfersOfAnotherSizeAreRefused() {
    Backend backend = backends.getFirst();
    try (Tensor x = backend.allocate(DType.F32, Shape.of(3), Category.WORKSPACE)) {
      for (int bytes : new int[] {0, 11, 13, 16}) {
        MemorySegment host = MemorySegment.ofArray(new byte[bytes]);
        assertThrows(
            IllegalArgumentException.class, () -> backend.upload(host, x), bytes + " bytes up");
        assertThrows(
            IllegalArgumentException.class, () -> backend.download(x, host), bytes + " bytes down");
      }
    }
  }

  @Test
  void transfersTakeNativeMemoryAndEmptyTensors() {
    Backend backend = backends.getFirst();
    try (Arena arena = Arena.ofConfined();
        Tensor x = backend.allocate(DType.F32, Shape.of(3), Category.WORKSPACE);
        Tensor empty = backend.allocate(DType.F32, Shape.of(0), Category.WORKSPACE)) {
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, -2, Float.NaN);
      MemorySegment back = arena.allocate(12, 4);
      backend.upload(host, x);
      backend.download(x, back);
      assertEquals(-1, host.mismatch(back));
      backend.upload(MemorySegment.ofArray(new byte[0]), empty);
      backend.download(empty, MemorySegment.ofArray(new byte[0]));
    }
  }

  @Test
  void bannerAndFingerprintSaySomething() {
    for (Backend backend : backends) {
      assertTrue(
          !backend.name().isBlank()
              && !backend.description().isBlank()
              && !backend.description().contains("\n"));
      assertEquals(
          backends.getFirst().fingerprint(),
          backend.fingerprint(),
          "threads do not change the bits, nor the fingerprint");
    }
  }

  @Test
  void aLeakIsReportedAtClose() {
    Backend backend = open(2);
    Tensor leaked = backend.allocate(DType.F32, Shape.of(100), Category.GRADIENT);
    IllegalStateException report = assertThrows(IllegalStateException.class, backend::close);
    assertTrue(report.getMessage().contains("GRADIENT"), report.getMessage());
    leaked.release();
  }
}
