import Control
import Glibc

/// Words for what is left to write back.
enum ProgressText {
  static func deadLetters(_ count: Int) -> String {
    "all is written back but \(Quantity.count(count, "dead letter")) and what is behind; the journal keeps it, "
      + "`ebbfs dead-letters` shows it"
  }

  static func left(_ progress: ControlProgress) -> String {
    "\(Quantity.size(progress.bytesLeft)) and \(Quantity.count(progress.operationsLeft, "operation"))"
  }
}

/// Progress on standard error: one line that is redrawn on a terminal, a new line every second elsewhere.
struct ProgressLine {
  let isTerminal: Bool
  private let write: (String) -> Void
  private var lastText = ""
  private var lastPlainAt: Int?
  private static let plainEveryMilliseconds = 1000

  init(isTerminal: Bool = isatty(STDERR_FILENO) == 1, write: @escaping (String) -> Void = Messages.write) {
    self.isTerminal = isTerminal
    self.write = write
  }

  /// Shows a text, at `now` in milliseconds.
  mutating func show(_ text: String, now: Int = Monotonic.milliseconds()) {
    guard text != lastText else { return }
    if isTerminal {
      write("\r\u{1b}[K\(text)")
    } else {
      if let lastPlainAt, now - lastPlainAt < Self.plainEveryMilliseconds { return }
      lastPlainAt = now
      write(text + "\n")
    }
    lastText = text
  }

  /// Ends the line, so that what follows starts a new one, with a last word if there is one.
  mutating func end(saying text: String? = nil) {
    if isTerminal, !lastText.isEmpty { write("\r\u{1b}[K") }
    if let text { write(text + "\n") }
    lastText = ""
  }
}
