import Policies

/// Reads the argument of `-o`.
enum OptionParser {
  /// Applies a comma-separated list. A backslash takes the special meaning from the character behind it, so that a path may hold
  /// a comma.
  ///
  /// Throws `usage` with a line that names the option.
  static func parse(_ list: String, into options: inout MountOptions) throws(CommandFailure) {
    for item in split(list) where !item.isEmpty { try apply(item, to: &options) }
  }

  /// Applies one option.
  static func apply(_ item: String, to options: inout MountOptions) throws(CommandFailure) {
    let parts = item.unicodeScalars.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if let description = OptionTable.options.first(where: { $0.name == parts[0] }) {
      do throws(ValueError) {
        try description.apply(parts.count > 1 ? parts[1] : nil, to: &options)
      } catch {
        throw CommandFailure(.usage, "option \(item) \(error.reason)")
      }
    } else if OptionTable.kernelWords.contains(item) {
      options.kernelWords.append(item)
    } else if item == "remount" {
      throw CommandFailure(.usage, "option remount is not supported: unmount, then mount with the new options")
    } else if !OptionTable.isIgnored(item) {
      throw CommandFailure(.usage, "unknown option \(item); `ebbfs --help` lists the options")
    }
  }

  private static func split(_ list: String) -> [String] {
    var items = [""]
    var isEscaped = false
    // Scalars: to the kernel and to mount(8) a comma is one, also before a combining accent.
    for scalar in list.unicodeScalars {
      if isEscaped {
        items[items.count - 1].unicodeScalars.append(scalar)
        isEscaped = false
      } else if scalar == "\\" {
        isEscaped = true
      } else if scalar == "," {
        items.append("")
      } else {
        items[items.count - 1].unicodeScalars.append(scalar)
      }
    }
    return items
  }
}
