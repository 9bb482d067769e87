import FilesystemModel
import Glibc
import Policies

/// Reads a rules file.
enum RulesFile {
  /// - Throws: one line that names the file and, where that is the matter, line and column.
  static func read(_ path: String) throws(CommandFailure) -> RuleList {
    let text: [UInt8]
    do throws(Errno) {
      guard try !Files.facts(path).isDirectory else { throw .isDirectory }
      // Neither a pipe nor a device holds the command up.
      text = try Descriptor(path: path, flags: O_RDONLY | O_NONBLOCK).readAll(limit: RuleList.bytesMax + 1)
    } catch {
      throw CommandFailure(.usage, "rules file \(path): \(error.message)")
    }
    do throws(RuleError) {
      return try RuleList(parsing: text)
    } catch {
      throw CommandFailure(.usage, "\(path):\(error.description)")
    }
  }
}
