import FilesystemModel
import Glibc

// SAFETY: the structures given to the C library are local and filled by it or before.

/// The terminal at standard input and output while a program has the whole of it; given back with the value.
struct Terminal: ~Copyable {
  private let saved: termios
  private static let enter = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l"
  private static let leave = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l"

  private init(saved: termios) { self.saved = saved }

  /// Takes it; `nil` where there is none.
  static func take() -> Terminal? {
    var state = termios()
    guard isatty(STDOUT_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &state) == 0 else { return nil }
    let saved = state
    // Keys come one by one, ^C too, and are not shown.
    state.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
    guard unsafe tcsetattr(STDIN_FILENO, TCSANOW, &state) == 0 else { return nil }
    try? StandardDescriptors.print(Self.enter)
    return Terminal(saved: saved)
  }

  deinit {
    var state = saved
    _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &state)
    try? StandardDescriptors.print(Self.leave)
  }

  /// Columns and lines at this moment; 80 and 24 where nobody knows.
  var size: (width: Int, height: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Draws all lines over what was there before.
  borrowing func draw(_ lines: [String]) throws(Errno) {
    try StandardDescriptors.print("\u{1b}[H" + lines.map { $0 + "\u{1b}[K" }.joined(separator: "\r\n") + "\u{1b}[J")
  }

  /// The keys that come until some time has passed, at least one; none when it has. `nil` when the terminal is gone.
  borrowing func keys(withinMilliseconds milliseconds: Int) -> [Character]? {
    var state = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&state, 1, Int32(max(0, milliseconds))) > 0 else { return [] }
    let input = Descriptor(owning: STDIN_FILENO)
    let bytes = (try? input.read(64)) ?? []
    _ = input.release()
    return bytes.isEmpty ? nil : Array(String(decoding: bytes, as: UTF8.self))
  }
}
