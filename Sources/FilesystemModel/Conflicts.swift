/// Whose version a name keeps when this mount and somebody else have changed the same file (P5).
package enum ConflictPolicy: Hashable, Sendable, CaseIterable {
  /// Ours has the name, theirs is kept beside it.
  case keepBoth
  case ours
  /// What was changed on the mount is given up.
  case theirs
}

/// A change of the mount that met a change which somebody else has made in the backing directory.
package struct Conflict: Hashable, Sendable {
  /// What the mount's change was about to do to what somebody else has changed.
  package enum Kind: UInt8, Hashable, Sendable, CaseIterable {
    case overwrite = 1
    case truncate = 2
    case unlink = 3
    case renameOver = 4
    /// Of a directory with new entries.
    case removeDirectory = 5
    /// The name has come into being on both sides.
    case newName = 6

    /// For people, and in JSON.
    package var name: String {
      switch self {
      case .overwrite: "overwrite"
      case .truncate: "truncate"
      case .unlink: "unlink"
      case .renameOver: "rename-over"
      case .removeDirectory: "rmdir"
      case .newName: "new-name"
      }
    }
  }

  /// What was done about it.
  package enum Resolution: Hashable, Sendable {
    /// Theirs has this name in the same directory, ours the one in conflict.
    case kept(as: EntryName)
    /// Theirs is gone.
    case ours
    /// Ours is gone.
    case theirs
  }

  package var kind: Kind
  /// The path in the backing directory, without a slash at its beginning.
  package var path: [UInt8]
  package var time: Timestamp
  package var resolution: Resolution

  package init(kind: Kind, path: [UInt8], time: Timestamp, resolution: Resolution) {
    self.kind = kind
    self.path = path
    self.time = time
    self.resolution = resolution
  }
}

extension EntryName {
  /// The name under which theirs is kept beside `self`: `NAME.ebbfs-conflict-20261121T093000Z`, from the second attempt on with a
  /// number behind it. The end of a long name is cut, between characters where it is UTF-8.
  ///
  /// - Parameters:
  ///   - attempt: From 1.
  ///   - bytesMax: The longest name that the directory takes.
  package func ofConflict(at time: Timestamp, attempt: Int, bytesMax: Int) -> EntryName {
    let moment = UniversalTime.text(Int(time.seconds)).filter { $0 != "-" && $0 != ":" }
    let suffix = Array((".ebbfs-conflict-\(moment)" + (attempt > 1 ? "-\(attempt)" : "")).utf8)
    var stem = bytes.prefix(max(1, bytesMax - suffix.count))
    // A byte 10xxxxxx goes on with a character: it stays with those before it.
    if stem.count < bytes.count {
      while stem.count > 1, bytes[stem.count] & 0xc0 == 0x80 { stem.removeLast() }
    }
    return EntryName(unchecked: stem + suffix)
  }
}
