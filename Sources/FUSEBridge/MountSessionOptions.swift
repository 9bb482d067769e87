/// How a `MountSession` mounts and serves.
package struct MountSessionOptions: Sendable {
  /// The source that `mount` and `df` show.
  package var fsname: String
  /// The filesystem's type is `fuse.` and this.
  package var subtype = "ebbfs"
  /// Lets other users than the one who mounts use the mount; root's mounts need it to be of use.
  package var allowOther: Bool
  package var readOnly: Bool
  /// Options for the kernel, as `mount(8)` names them: `noatime`, `nosuid`, `nodev` ...
  package var kernelOptions: [String]
  /// How long the kernel may believe a name, that a name does not exist, and attributes. The default, a year, stands for "until
  /// told": every change passes through the kernel or is announced with `invalidate`.
  package var entryTimeoutSeconds = 31_536_000.0
  package var negativeTimeoutSeconds = 31_536_000.0
  package var attributeTimeoutSeconds = 31_536_000.0
  /// Whether the kernel forgets a file's contents, or a directory's listing, when it sees another modification time or size.
  package var dropsContentsOfOtherVersions = false
  /// Whether the kernel acknowledges writes of data itself and sends them later: then they are lost with the kernel alone, and
  /// what the daemon is told of is behind what programs know.
  package var kernelAcknowledgesWrites = false
  /// Largest write the kernel sends, up to 1 MiB.
  package var maxWriteBytes = maxWriteBytesDefault
  package static let maxWriteBytesDefault = 1 << 20
  /// Requests that the kernel sends ahead (readahead, pieces of O_DIRECT) without anybody waiting for each.
  package var maxBackgroundRequests = 256
  /// Threads that receive requests.
  package var threads: Int

  package init(
    fsname: String, allowOther: Bool = false, readOnly: Bool = false, kernelOptions: [String] = [], threads: Int = 4
  ) {
    self.fsname = fsname
    self.allowOther = allowOther
    self.readOnly = readOnly
    self.kernelOptions = kernelOptions
    self.threads = threads
  }

  /// Names, attributes and contents may change without passing through the kernel: it believes them for so long.
  package mutating func believes(forSeconds seconds: Double) {
    entryTimeoutSeconds = seconds
    negativeTimeoutSeconds = seconds
    attributeTimeoutSeconds = seconds
    dropsContentsOfOtherVersions = true
  }

  /// The argument of libfuse's `-o`.
  var mountArgument: String {
    var options = ["fsname=" + Self.escaped(fsname), "subtype=" + Self.escaped(subtype), "default_permissions"]
    if allowOther { options.append("allow_other") }
    if readOnly { options.append("ro") }
    return (options + kernelOptions).joined(separator: ",")
  }

  /// A backslash takes the meaning from a comma or backslash in `-o` (`fuse_opt.h`).
  private static func escaped(_ text: String) -> String {
    var escaped = [UInt8]()
    for byte in text.utf8 {
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\\") { escaped.append(UInt8(ascii: "\\")) }
      escaped.append(byte)
    }
    return String(decoding: escaped, as: UTF8.self)
  }
}

/// Why a mount could not be made, served or ended, in one line.
package struct MountError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
