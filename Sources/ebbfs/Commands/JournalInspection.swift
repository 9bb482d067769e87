import FilesystemModel

/// Reads a journal without changing it.
enum JournalInspection {
  /// Gives `line` each record in words, in LSN order.
  static func dump(_ stateDirectory: String, line: (String) -> Void) throws(CommandFailure) {
    throw CommandFailure(.failed, "not assembled")
  }

  /// One line about a journal without damage. Throws `journal` with segment, offset and LSN of the first damage else.
  static func check(_ stateDirectory: String) throws(CommandFailure) -> String {
    throw CommandFailure(.failed, "not assembled")
  }
}
