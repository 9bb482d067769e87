/// What each target may import: the dependencies that Package.swift gives it, and Glibc for those that touch the operating
/// system.
struct ImportTable {
  /// Dependencies by target.
  private(set) var dependencies: [String: Set<String>] = [:]
  /// The folder of a target that is not named after it, by folder.
  private(set) var targets: [String: String] = [:]

  /// Modules of the compiler that are no dependencies.
  private static let language: Set<String> = ["Synchronization", "Swift"]
  /// Targets that may call the C library. `Support` reads the seed from the environment.
  private static let system: Set<String> = ["PosixStorage", "FUSEBridge", "ebbfs", "Threading", "Support"]

  /// Reads the table from the text of Package.swift.
  init(package text: String) {
    let kinds = [".target(", ".executableTarget(", ".testTarget(", ".systemLibrary("]
    var rest = text[...]
    while let start = Self.first(of: kinds, in: rest) {
      let entry = Self.parenthesized(rest[start.upperBound...])
      if let name = Self.strings(in: entry, after: "name:").first {
        dependencies[name] = Set(Self.list(in: entry, after: "dependencies:"))
        let path = Self.strings(in: entry, after: "path:").first
        targets[path.flatMap { $0.split(separator: "/").last.map(String.init) } ?? name] = name
      }
      rest = rest[start.upperBound...]
    }
  }

  /// The imports of a file that its target may not have.
  func violations(_ file: SourceFile) -> [String] {
    // Compiled by hand, with the compiler's fuzzer.
    if file.path.hasPrefix("Tests/Fuzz/") { return [] }
    guard let target = targets[file.target] else { return ["\(file.path): \(file.target) is no target of Package.swift"] }
    let isTest = file.path.hasPrefix("Tests/")
    let allowed = (isTest ? everythingBelow(target) : dependencies[target] ?? []).union(Self.language)
    return Self.imports(file).compactMap { module in
      if allowed.contains(module) || isTest && module == "Testing" { return nil }
      if module == "Glibc", isTest || Self.system.contains(target) { return nil }
      return "\(file.path): \(target) may not import \(module)"
    }
  }

  /// The modules that a file imports: `import M`, `@testable import M`, `import struct M.S`.
  static func imports(_ file: SourceFile) -> [String] {
    zip(file.lines, file.isLineText).compactMap { line, isText in
      if isText { return nil }
      let words = Rules.code(line).split(separator: " ")
      guard let index = words.firstIndex(of: "import"),
        words[..<index].allSatisfy({ $0.hasPrefix("@") || modifiers.contains($0) }),
        let name = words[(index + 1)...].first(where: { !declarations.contains($0) })
      else { return nil }
      return name.split(separator: ".").first.map(String.init)
    }
  }

  /// The dependencies of a target, theirs, and so on: tests may use what they test through.
  private func everythingBelow(_ target: String) -> Set<String> {
    var found = dependencies[target] ?? []
    var isComplete = false
    while !isComplete {
      let next = found.reduce(into: found) { $0.formUnion(dependencies[$1] ?? []) }
      isComplete = next.count == found.count
      found = next
    }
    return found
  }

  private static let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
  private static let declarations: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]

  private static func first(of texts: [String], in text: Substring) -> Range<Substring.Index>? {
    texts.compactMap { find($0, in: text) }.min { $0.lowerBound < $1.lowerBound }
  }

  private static func find(_ needle: String, in text: Substring) -> Range<Substring.Index>? {
    var start = text.startIndex
    while start < text.endIndex {
      if text[start...].hasPrefix(needle) { return start..<text.index(start, offsetBy: needle.count) }
      start = text.index(after: start)
    }
    return nil
  }

  /// The text up to the parenthesis that closes the one before it.
  private static func parenthesized(_ text: Substring) -> Substring {
    var depth = 1
    for index in text.indices {
      if text[index] == "(" { depth += 1 }
      if text[index] == ")" { depth -= 1 }
      if depth == 0 { return text[..<index] }
    }
    return text
  }

  /// All string literals behind a label.
  private static func strings(in text: Substring, after label: String) -> [String] {
    guard let range = find(label, in: text) else { return [] }
    let parts = text[range.upperBound...].split(separator: "\"", omittingEmptySubsequences: false)
    return stride(from: 1, to: parts.count, by: 2).map { String(parts[$0]) }
  }

  /// The string literals of the array behind a label.
  private static func list(in text: Substring, after label: String) -> [String] {
    guard let range = find(label, in: text), let end = text[range.upperBound...].firstIndex(of: "]") else { return [] }
    return strings(in: text[range.lowerBound..<end], after: label)
  }
}
