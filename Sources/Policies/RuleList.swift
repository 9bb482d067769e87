import FilesystemModel

/// What is wrong in a rules file, and where: lines and columns (bytes) count from 1.
package struct RuleError: Error, Hashable, Sendable {
  package var line: Int
  package var column: Int
  package var reason: String

  /// `LINE:COLUMN: reason`, to be put behind the file's name.
  package var description: String { "\(line):\(column): \(reason)" }
}

/// The rules of a rules file: a pattern, then `key=value`s, one rule per line.
///
/// For each key the first rule wins that covers the path and says something of the key. Empty lines and those that begin with `#`
/// say nothing.
package struct RuleList: Hashable, Sendable {
  private struct Rule: Hashable {
    var pattern: PathPattern
    var settings: PolicySettings
  }

  /// More than this is no rules file.
  package static let bytesMax = 1 << 20

  private var rules: [Rule] = []

  package init() {}

  package var isEmpty: Bool { rules.isEmpty }
  package var count: Int { rules.count }

  /// The shortest time of a `durability=batch=MS` in it; `nil` without one.
  package var shortestBatchMilliseconds: Int? { rules.compactMap { $0.settings.durability?.batchMilliseconds }.min() }

  /// Reads a rules file. - Throws: the first thing that is wrong.
  package init(parsing text: [UInt8]) throws(RuleError) {
    guard text.count <= Self.bytesMax else { throw RuleError(line: 1, column: 1, reason: "a rules file has at most 1 MiB") }
    var number = 0
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      if let rule = try Self.rule(line, number) { rules.append(rule) }
    }
  }

  /// What the rules say of a path.
  ///
  /// - Parameters:
  ///   - path: the names from the root of the mount on; the root itself is covered by no rule.
  ///   - isDirectory: whether the last of them is a directory.
  package func settings(of path: [EntryName], isDirectory: Bool) -> PolicySettings {
    var result = PolicySettings()
    for rule in rules where !result.isComplete && rule.pattern.covers(path, isDirectory: isDirectory) {
      result.complete(with: rule.settings)
    }
    return result
  }

  private static func rule(_ line: ArraySlice<UInt8>, _ number: Int) throws(RuleError) -> Rule? {
    let words = words(line)
    guard let first = words.first, first.first != UInt8(ascii: "#") else { return nil }
    let column = { (index: Int) in index - line.startIndex + 1 }
    if let zero = line.firstIndex(of: 0) { throw RuleError(line: number, column: column(zero), reason: "a zero byte") }
    let pattern: PathPattern
    do throws(PatternError) {
      pattern = try PathPattern(Array(first))
    } catch {
      throw RuleError(line: number, column: column(first.startIndex) + error.offset, reason: error.reason)
    }
    guard words.count > 1 else {
      throw RuleError(line: number, column: column(first.endIndex), reason: "the pattern needs a key=value behind it")
    }
    var settings = PolicySettings()
    for word in words.dropFirst() {
      do throws(ValueError) {
        try set(word, in: &settings)
      } catch {
        throw RuleError(line: number, column: column(word.startIndex), reason: error.reason)
      }
    }
    return Rule(pattern: pattern, settings: settings)
  }

  private static func set(_ word: ArraySlice<UInt8>, in settings: inout PolicySettings) throws(ValueError) {
    guard let text = String(validating: word, as: UTF8.self) else { throw ValueError(reason: "is no UTF-8 text") }
    let parts = text.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else { throw ValueError(reason: "\(text) is no key=value") }
    guard let key = PolicyKey(rawValue: parts[0]) else {
      let keys = PolicyKey.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValueError(reason: "\(parts[0]) is none of \(keys)")
    }
    guard !settings.says(key) else { throw ValueError(reason: "\(key.rawValue) is said twice") }
    do throws(ValueError) {
      try settings.set(key, to: parts[1])
    } catch {
      throw ValueError(reason: "\(text) \(error.reason)")
    }
  }

  /// The words of a line; a backslash makes the space behind it a part of the word.
  private static func words(_ line: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var words: [ArraySlice<UInt8>] = []
    var start: Int?
    var isEscaped = false
    for index in line.indices {
      let isSpace = [UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains(line[index])
      if isSpace, !isEscaped {
        if let begun = start { words.append(line[begun..<index]) }
        start = nil
      } else {
        start = start ?? index
      }
      isEscaped = line[index] == UInt8(ascii: "\\") && !isEscaped
    }
    if let start { words.append(line[start...]) }
    return words
  }
}

extension Durability {
  /// The time of a batch, in milliseconds; `nil` for the other policies.
  package var batchMilliseconds: Int? { if case .batch(let milliseconds) = self { milliseconds } else { nil } }
}
