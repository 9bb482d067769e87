import FilesystemModel
import Glibc

// SAFETY: `strerror` gives a string that lives until the next call in this thread, and it is copied at once.

extension Errno {
  /// The error of the last C call of this thread.
  static var current: Errno { Errno(rawValue: errno) }

  /// The C library's words for it: `No such file or directory`.
  var message: String { unsafe String(cString: strerror(rawValue)) }
}
