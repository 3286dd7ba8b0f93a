import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.FormatterException;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;

/// Checks or rewrites the format of every Java file of the tree with google-java-format.
///
/// Started by Maven through Java's source launcher, so that the formatter always runs on the JDK of
/// the build and not on the one of Maven. Arguments: `check` or `write`, the project root, and a
/// folder of its own. Files older than `checked` in that folder were fine the last time and are
/// skipped; `complaints.txt` exists there after a check that found something.
final class FormatSources {
  private FormatSources() {}

  public static void main(String[] args) throws IOException {
    boolean write = args[0].equals("write");
    Path root = Path.of(args[1]);
    Path stamp = Files.createDirectories(Path.of(args[2])).resolve("checked");
    Path report = stamp.resolveSibling("complaints.txt");
    FileTime started = FileTime.fromMillis(System.currentTimeMillis());
    // Javadoc stays as written: a formula that is wrapped before its minus sign would turn into a
    // Markdown list.
    var formatter = new Formatter(JavaFormatterOptions.builder().formatJavadoc(false).build());
    var complaints = new ArrayList<String>();
    for (Path file : sources(root, write ? FileTime.fromMillis(0) : checkedAt(root, stamp))) {
      String source = Files.readString(file);
      try {
        String formatted = formatter.formatSourceAndFixImports(source);
        if (formatted.equals(source)) {
          continue;
        }
        if (write) {
          Files.writeString(file, formatted);
        } else {
          complaints.add(root.relativize(file).toString());
        }
      } catch (FormatterException e) {
        complaints.add(root.relativize(file) + ": " + e.getMessage());
      }
    }
    Files.deleteIfExists(report);
    if (!complaints.isEmpty()) {
      String title = write ? "Cannot format:\n  " : "Not formatted:\n  ";
      System.err.println(title + String.join("\n  ", complaints));
      // The build fails on this file, with one sentence, where an exit code would add a stack
      // trace.
      Files.write(report, complaints);
      return;
    }
    Files.write(stamp, new byte[0]);
    Files.setLastModifiedTime(stamp, started);
  }

  /// The time of the last clean check; the epoch when there was none or the formatter changed.
  private static FileTime checkedAt(Path root, Path stamp) throws IOException {
    if (!Files.exists(stamp)) {
      return FileTime.fromMillis(0);
    }
    FileTime checked = Files.getLastModifiedTime(stamp);
    for (String tool : List.of("pom.xml", ".mvn/FormatSources.java")) {
      if (Files.getLastModifiedTime(root.resolve(tool)).compareTo(checked) >= 0) {
        return FileTime.fromMillis(0);
      }
    }
    return checked;
  }

  private static List<Path> sources(Path root, FileTime since) throws IOException {
    var files = new ArrayList<Path>();
    Files.walkFileTree(
        root,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = folder.getFileName().toString();
            boolean foreign =
                !folder.equals(root)
                    && (name.equals("target")
                        || name.equals("runs")
                        || (name.startsWith(".") && !name.equals(".mvn"))
                        || Files.exists(folder.resolve(".git")));
            return foreign ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")
                && attributes.lastModifiedTime().compareTo(since) >= 0) {
              files.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    files.sort(null);
    return files;
  }
}
