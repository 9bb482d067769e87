import Glibc

// SAFETY: directory entries are copied before the next one is read; file contents are read into arrays of the size that `read`
// gets.

/// A text file of the repository.
struct SourceFile {
  /// Relative to the repository, `Sources/Engine/Engine.swift`.
  var path: String
  var text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// Whether each line is within a string literal of several lines, which may hold programs in other languages.
  var isLineText: [Bool] {
    var isText = false
    return lines.map { line in
      let marks = line.split(separator: "\"\"\"", omittingEmptySubsequences: false).count - 1
      if marks % 2 == 1 { isText.toggle() }
      return isText
    }
  }

  /// The folder that is a target's: `Engine` for `Sources/Engine/Engine.swift`.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }
}

/// The repository that these tests were compiled in.
enum Repository {
  static let root: String = {
    let parts = #filePath.split(separator: "/").dropLast(3)
    return "/" + parts.joined(separator: "/")
  }()

  /// All files below `Sources` and `Tests` whose names end in one of `suffixes`, by path.
  static func files(_ suffixes: [String]) -> [SourceFile] {
    ["Sources", "Tests"].flatMap { paths(below: $0) }.filter { path in suffixes.contains { path.hasSuffix($0) } }
      .map { SourceFile(path: $0, text: text($0)) }
  }

  static func text(_ path: String) -> String {
    let descriptor = unsafe open(root + "/" + path, O_RDONLY)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      if count <= 0 { break }
      bytes += buffer.prefix(count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func paths(below directory: String) -> [String] {
    guard let stream = unsafe opendir(root + "/" + directory) else { return [] }
    defer { unsafe closedir(stream) }
    var found: [String] = []
    while let entry = unsafe readdir(stream) {
      let isDirectory = unsafe entry.pointee.d_type == UInt8(DT_DIR)
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name.hasPrefix(".") { continue }
      let path = directory + "/" + name
      found += isDirectory ? paths(below: path) : [path]
    }
    return found.sorted()
  }
}
