import CFUSE
import Glibc
import Threading

/// libfuse's messages: collected while a mount is made, so that its error can say why; otherwise written to standard error.
enum LibraryMessages {
  private static let collected = Lock<String?>(nil)

  /// Runs `body` and returns with its result the first line of what libfuse said meanwhile.
  static func collect<Result>(_ body: () -> Result) -> (Result, String?) {
    unsafe fuse_set_log_func { _, format, values in
      guard let format = unsafe format, let values = unsafe values else { return }
      unsafe LibraryMessages.receive(format, values)
    }
    collected.withLock { $0 = "" }
    let result = body()
    let message = collected.withLock { text -> String? in
      defer { text = nil }
      return text
    }
    return (result, message.flatMap(oneLine))
  }

  private static func receive(_ format: UnsafePointer<CChar>, _ values: CVaListPointer) {
    var buffer = [CChar](repeating: 0, count: 1024)
    // SAFETY: vsnprintf writes at most the buffer's size; format and values are those of one call of fuse_log.
    unsafe vsnprintf(&buffer, buffer.count, format, values)
    let length = buffer.firstIndex(of: 0) ?? 0
    let text = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let isCollected = collected.withLock { collected -> Bool in
      // A message may come in pieces.
      collected?.append(text)
      return collected != nil
    }
    guard !isCollected else { return }
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func oneLine(_ message: String) -> String? {
    var line = message.prefix { $0 != "\n" }
    if line.hasPrefix("fuse: ") { line = line.dropFirst("fuse: ".count) }
    return line.isEmpty ? nil : String(line)
  }
}
