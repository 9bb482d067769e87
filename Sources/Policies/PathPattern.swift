import FilesystemModel

/// Why a pattern is none: what is wrong, and the byte of it where that is.
package struct PatternError: Error, Hashable, Sendable {
  package var offset: Int
  package var reason: String
}

/// A pattern for paths as in gitignore(5), on bytes.
///
/// A pattern with a slash at its beginning or in its middle begins at the root of the mount, another one in any directory. A
/// slash at the end lets it match directories only. `*` and `?` match within a name, `[a-z]` and `[!a-z]` one byte of it, `**`
/// as a whole name any number of directories; a backslash takes the meaning from the byte behind it.
package struct PathPattern: Hashable, Sendable {
  fileprivate enum Token: Hashable {
    case byte(UInt8)
    case anyByte
    case anyBytes
    case oneOf([ClosedRange<UInt8>], isNegated: Bool)
  }

  private enum Component: Hashable {
    case name([Token])
    case anyDirectories
  }

  private let components: [Component]
  private let matchesDirectoriesOnly: Bool

  package init(_ text: [UInt8]) throws(PatternError) {
    if text.first == UInt8(ascii: "!") {
      throw PatternError(offset: 0, reason: "a pattern cannot begin with !: the first rule wins, so put the exception above")
    }
    let slash = UInt8(ascii: "/")
    var names: [(offset: Int, bytes: ArraySlice<UInt8>)] = []
    for part in text.split(separator: slash, omittingEmptySubsequences: false) { names.append((part.startIndex, part)) }
    let isAnchored = names.dropLast(names.last?.bytes.isEmpty == true ? 1 : 0).count > 1
    matchesDirectoriesOnly = text.count > 1 && text.last == slash
    if matchesDirectoriesOnly { names.removeLast() }
    if text.first == slash { names.removeFirst() }
    var components: [Component] = isAnchored ? [] : [.anyDirectories]
    for name in names {
      guard !name.bytes.isEmpty else { throw PatternError(offset: name.offset, reason: "a name in the pattern is empty") }
      if name.bytes.elementsEqual("**".utf8) {
        components.append(.anyDirectories)
      } else {
        components.append(.name(try Self.tokens(name.bytes)))
      }
    }
    if components.last == .anyDirectories { components.append(.name([.anyBytes])) }
    self.components = components
  }

  /// Whether it matches the path, or a directory above it: then it holds for all below.
  ///
  /// - Parameters:
  ///   - path: the names from the root of the mount on.
  ///   - isDirectory: whether the last of them is a directory.
  /// - Complexity: O(pattern · path) for each directory of the path.
  package func covers(_ path: [EntryName], isDirectory: Bool) -> Bool {
    for count in path.indices.map({ $0 + 1 }) where !matchesDirectoriesOnly || count < path.count || isDirectory {
      if matches(path[..<count]) { return true }
    }
    return false
  }

  private func matches(_ path: ArraySlice<EntryName>) -> Bool {
    let matchesName = { (component: Component, name: EntryName) in
      guard case .name(let tokens) = component else { return false }
      return Self.matchesWithRuns(tokens[...], name.bytes[...], isRun: { $0 == .anyBytes }, isMatch: { $0.matches($1) })
    }
    return Self.matchesWithRuns(components[...], path, isRun: { $0 == .anyDirectories }, isMatch: matchesName)
  }

  /// Matches a sequence in which some elements stand for any number of others: the latest one takes as many as it must.
  private static func matchesWithRuns<Element, Value>(
    _ pattern: ArraySlice<Element>, _ values: ArraySlice<Value>, isRun: (Element) -> Bool, isMatch: (Element, Value) -> Bool
  ) -> Bool {
    var next = pattern.startIndex
    var index = values.startIndex
    var run: (after: Int, from: Int)?
    while index < values.endIndex {
      if next < pattern.endIndex, isRun(pattern[next]) {
        next += 1
        run = (next, index)
      } else if next < pattern.endIndex, isMatch(pattern[next], values[index]) {
        next += 1
        index += 1
      } else if let last = run {
        run = (last.after, last.from + 1)
        (next, index) = (last.after, last.from + 1)
      } else {
        return false
      }
    }
    return pattern[next...].allSatisfy(isRun)
  }

  private static func tokens(_ text: ArraySlice<UInt8>) throws(PatternError) -> [Token] {
    var tokens: [Token] = []
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "?"): tokens.append(.anyByte)
      case UInt8(ascii: "*"): if tokens.last != .anyBytes { tokens.append(.anyBytes) }
      case UInt8(ascii: "["): tokens.append(try set(&rest, from: rest.startIndex - 1))
      case UInt8(ascii: "\\"):
        guard let literal = rest.popFirst() else {
          throw PatternError(offset: text.endIndex - 1, reason: "a backslash needs a character behind it")
        }
        tokens.append(.byte(literal))
      default: tokens.append(.byte(byte))
      }
    }
    return tokens
  }

  /// What stands between brackets, the first of which is read.
  private static func set(_ rest: inout ArraySlice<UInt8>, from start: Int) throws(PatternError) -> Token {
    let isNegated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
    if isNegated { rest.removeFirst() }
    var ranges: [ClosedRange<UInt8>] = []
    while let first = try setByte(&rest, isFirst: ranges.isEmpty, start) {
      guard rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") else {
        ranges.append(first...first)
        continue
      }
      let offset = rest.startIndex
      rest.removeFirst()
      guard let last = try setByte(&rest, isFirst: true, start) else { break }
      guard first <= last else { throw PatternError(offset: offset, reason: "a range in brackets ends before it begins") }
      ranges.append(first...last)
    }
    return .oneOf(ranges, isNegated: isNegated)
  }

  /// The next byte of a set; `nil` at its end.
  private static func setByte(_ rest: inout ArraySlice<UInt8>, isFirst: Bool, _ start: Int) throws(PatternError) -> UInt8? {
    guard let byte = rest.popFirst() else { throw PatternError(offset: start, reason: "[ without ]") }
    if byte == UInt8(ascii: "]"), !isFirst { return nil }
    if byte == UInt8(ascii: "["), [":", ".", "="].contains(where: { rest.first == UInt8(ascii: $0) }) {
      throw PatternError(offset: rest.startIndex - 1, reason: "character classes like [:alpha:] are not supported")
    }
    guard byte == UInt8(ascii: "\\") else { return byte }
    guard let literal = rest.popFirst() else { throw PatternError(offset: start, reason: "[ without ]") }
    return literal
  }
}

extension PathPattern.Token {
  fileprivate func matches(_ byte: UInt8) -> Bool {
    switch self {
    case .byte(let own): own == byte
    case .anyByte: true
    case .anyBytes: false
    case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
    }
  }
}
