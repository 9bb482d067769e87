import FilesystemModel

/// A process that keeps a mount busy.
struct MountUser: Hashable, Sendable {
  var process: Int
  /// The name of its program, as `ps` shows it.
  var command: String
  /// What it does: `works in /mnt/d`, `has /mnt/f open`.
  var use: String

  var text: String { "process \(process) (\(command)) \(use)" }
}

/// Who uses a mount, of all processes that this user may look into. Source: proc(5).
enum MountUsers {
  /// By process number, each once. Only the names of links are read, so that a mount that hangs holds nothing up.
  static func find(below mountpoint: String, in processes: String = "/proc") -> [MountUser] {
    let numbers = ((try? Files.names(in: processes)) ?? []).compactMap { Int($0) }.sorted()
    return numbers.compactMap { number in
      let directory = PathText.joined(processes, String(number))
      guard let use = use(of: directory, below: mountpoint) else { return nil }
      let name = (try? Files.text(PathText.joined(directory, "comm"))) ?? "?"
      return MountUser(process: number, command: String(name.prefix { $0 != "\n" }), use: use)
    }
  }

  private static func use(of process: String, below mountpoint: String) -> String? {
    func target(_ link: String) -> String? {
      guard let path = try? Files.linkTarget(PathText.joined(process, link)), PathText.isInside(path, mountpoint) else {
        return nil
      }
      return path
    }
    if let path = target("cwd") { return "works in \(path)" }
    if let path = target("root") { return "has \(path) as its root" }
    if let path = target("exe") { return "runs \(path)" }
    for name in (try? Files.names(in: PathText.joined(process, "fd"))) ?? [] {
      if let path = target("fd/" + name) { return "has \(path) open" }
    }
    return mapped(in: (try? Files.text(PathText.joined(process, "maps"))) ?? "", below: mountpoint).map {
      "has \($0) in its memory"
    }
  }

  /// The first file of a table of mappings that is below the mountpoint.
  private static func mapped(in table: String, below mountpoint: String) -> String? {
    // Address, permissions, offset, device, inode, and then the path up to the end of the line.
    table.split(separator: "\n").lazy.compactMap { line -> String? in
      let fields = line.split(separator: " ", maxSplits: 5)
      return fields.count == 6 ? String(fields[5].drop { $0 == " " }) : nil
    }.first { PathText.isInside($0, mountpoint) }
  }
}
