import FilesystemModel
import Glibc

/// Collects what programs started meanwhile, such as fusermount3, write to standard error.
enum StandardErrorCapture {
  /// Runs `body` and returns its result with the lines that were written, joined to one. Only while no other thread needs
  /// standard error.
  ///
  /// More than a pipe holds (64 KiB) would block the writer: not to be used for programs that write much.
  static func collect<Result>(_ body: () -> Result) -> (result: Result, line: String) {
    let saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
    guard saved >= 0, let ends = try? Pipe().release() else { return (body(), "") }
    dup2(ends.writeEnd, STDERR_FILENO)
    close(ends.writeEnd)
    let result = body()
    dup2(saved, STDERR_FILENO)
    close(saved)
    let bytes = (try? Descriptor(owning: ends.readEnd).readAll(limit: 65_536)) ?? []
    return (result, String(decoding: bytes, as: UTF8.self).split(separator: "\n").joined(separator: "; "))
  }
}
