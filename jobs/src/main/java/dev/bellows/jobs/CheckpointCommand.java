package dev.bellows.jobs;

import dev.bellows.checkpointing.CheckpointDiff;
import dev.bellows.checkpointing.CheckpointDiff.Outcome;
import dev.bellows.checkpointing.CheckpointDiff.TensorDifference;
import dev.bellows.checkpointing.CheckpointReader;
import dev.bellows.checkpointing.CheckpointVerifier;
import dev.bellows.checkpointing.LogicalTensor;
import dev.bellows.checkpointing.Manifest;
import dev.bellows.checkpointing.VerifyReport;
import dev.bellows.trainer.control.BellowsException;
import dev.bellows.trainer.control.ErrorCategory;
import dev.bellows.trainer.control.MemoryNeed;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `bellows checkpoint inspect|verify|diff`.
@Command(
    name = "checkpoint",
    description = "Look into checkpoints.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "inspect|verify|diff")
final class CheckpointCommand {
  private static final int DIFFERENT = 1;

  /// Prints what a checkpoint holds.
  @Command(
      description = "Print step, run, parts and tensors of a checkpoint.",
      mixinStandardHelpOptions = true)
  int inspect(
      @Parameters(paramLabel = "CHECKPOINT", description = "A checkpoint's or a run's folder.")
          String path) {
    Checkpoints checkpoint = Checkpoints.find(path);
    try {
      Manifest manifest = Manifest.read(checkpoint.store(), checkpoint.folder());
      System.out.println("checkpoint  " + checkpoint.folder());
      System.out.println("step        " + manifest.step() + ", created " + manifest.created());
      System.out.println("save        " + manifest.content().saveId());
      System.out.println("versions    " + manifest.content().versions());
      System.out.println("trainer     " + manifest.trainer());
      for (Manifest.Part part : manifest.parts()) {
        System.out.println("part        " + part.file() + "  " + MemoryNeed.format(part.length()));
      }
      long bytes = 0;
      for (LogicalTensor tensor : manifest.tensors()) {
        bytes += tensor.bytes();
        System.out.printf(
            "tensor      %-44s %-5s %-18s %s%n",
            tensor.name(), tensor.dtype(), tensor.shape(), tensor.role());
      }
      System.out.println(manifest.tensors().size() + " tensors, " + MemoryNeed.format(bytes));
      return 0;
    } catch (IOException e) {
      throw storage(e);
    }
  }

  /// Reads and checks every byte of a checkpoint.
  @Command(description = "Check every byte of a checkpoint.", mixinStandardHelpOptions = true)
  int verify(
      @Parameters(paramLabel = "CHECKPOINT", description = "A checkpoint's or a run's folder.")
          String path) {
    Checkpoints checkpoint = Checkpoints.find(path);
    VerifyReport report = CheckpointVerifier.verify(checkpoint.store(), checkpoint.folder());
    report
        .problems()
        .forEach(problem -> System.err.println("error: " + checkpoint.folder() + ": " + problem));
    report.strays().forEach(file -> System.out.println("not part of it: " + file));
    if (!report.valid()) {
      System.err.println(report.problems().size() + " problems in " + checkpoint.folder());
      return ErrorCategory.STORAGE.exitCode();
    }
    System.out.println(
        checkpoint.folder() + " is valid: " + MemoryNeed.format(report.bytes()) + " checked");
    return 0;
  }

  /// Compares two checkpoints tensor by tensor.
  @Command(
      description =
          "Compare two checkpoints; exit code 0 when all tensors are equal bit for bit, 1 when"
              + " not.",
      mixinStandardHelpOptions = true)
  int diff(
      @Parameters(paramLabel = "A", description = "A checkpoint's or a run's folder.") String first,
      @Parameters(paramLabel = "B", description = "Another one.") String second) {
    Checkpoints a = Checkpoints.find(first);
    Checkpoints b = Checkpoints.find(second);
    try (CheckpointReader readerA = CheckpointReader.open(a.store(), a.folder());
        CheckpointReader readerB = CheckpointReader.open(b.store(), b.folder())) {
      CheckpointDiff.Result result = CheckpointDiff.diff(readerA, readerB);
      long equal = 0;
      for (TensorDifference tensor : result.tensors()) {
        if (tensor.outcome() == Outcome.EQUAL) {
          equal++;
        } else {
          System.out.println(describe(tensor));
        }
      }
      System.out.println(
          equal
              + " of "
              + result.tensors().size()
              + " tensors are equal bit for bit; steps "
              + readerA.manifest().step()
              + " and "
              + readerB.manifest().step());
      return result.tensorsEqual() ? 0 : DIFFERENT;
    } catch (IOException e) {
      throw storage(e);
    }
  }

  private static String describe(TensorDifference tensor) {
    return switch (tensor.outcome()) {
      case EQUAL -> tensor.name() + ": equal";
      case DIFFERENT ->
          tensor.name()
              + ": "
              + tensor.differing()
              + " elements differ, first at "
              + tensor.firstDifference()
              + ", by at most "
              + tensor.maxAbsDifference();
      case OTHER_SHAPE -> tensor.name() + ": another dtype or shape";
      case ONLY_FIRST -> tensor.name() + ": only in the first";
      case ONLY_SECOND -> tensor.name() + ": only in the second";
    };
  }

  private static BellowsException storage(IOException e) {
    return new BellowsException(ErrorCategory.STORAGE, e.getMessage(), e);
  }
}
