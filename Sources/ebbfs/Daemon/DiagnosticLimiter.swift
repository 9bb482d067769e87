import Control

/// Lets the first few diagnostics of a kind through, and counts those that are left out.
struct DiagnosticLimiter {
  /// What counts as the same again and again.
  struct Kind: Hashable {
    var name: String
    var level: Diagnostic.Level
    var errno: Int?
    var error: String?
  }

  private struct Window {
    var end: Int
    var count = 1
  }

  /// So many of a kind are told in so many milliseconds.
  static let countMax = 10
  static let milliseconds = 10_000

  private var windows: [Kind: Window] = [:]

  /// Whether one more is to be told. What `takeLeftOut` gives comes before it.
  mutating func admits(_ kind: Kind, now: Int) -> Bool {
    guard windows[kind] != nil else {
      windows[kind] = Window(end: now + Self.milliseconds)
      return true
    }
    windows[kind]!.count += 1
    return windows[kind]!.count <= Self.countMax
  }

  /// Ends the times that are over; says of each how many were left out, if any.
  mutating func takeLeftOut(now: Int) -> [Diagnostic] {
    let ended = windows.filter { $0.value.end <= now }.sorted { ($0.value.end, $0.key.name) < ($1.value.end, $1.key.name) }
    return ended.compactMap { kind, window in
      windows[kind] = nil
      guard window.count > Self.countMax else { return nil }
      let more = window.count - Self.countMax
      var diagnostic = Diagnostic(kind.level, "\(more) more like these in \(Self.milliseconds / 1000) s were left out")
      (diagnostic.operation, diagnostic.errno, diagnostic.error) = (kind.name, kind.errno, kind.error)
      return diagnostic
    }
  }
}
