import CLinux
import FilesystemModel

// SAFETY: every C call gets arrays that live for the call, with their own length or a NUL at their end, and local structures to
// fill.

extension Descriptor {
  /// Sets owner and group, then permissions, then times: those that are given. `way` says how the mode is reached.
  ///
  /// An owner or group that the file has already is not set: an ordinary user may not, and some filesystems cannot.
  borrowing func apply(_ change: AttributeChange, isSymlink: Bool, way: linux_way) throws(Errno) {
    if change.owner != nil || change.group != nil {
      let found = try status()
      let owner = change.owner == found.owner ? nil : change.owner
      let group = change.group == found.group ? nil : change.group
      if owner != nil || group != nil { try checked(linux_set_owner(number, owner ?? .max, group ?? .max)) }
    }
    if let permissions = change.permissions, !isSymlink {
      try checked(linux_set_mode(number, way, UInt32(permissions)))
    }
    if change.accessed != nil || change.modified != nil {
      try checked(linux_set_times(number, linux_time(change.accessed), linux_time(change.modified)))
    }
  }

  /// Sets or removes an extended attribute; removing an absent one is no error.
  borrowing func apply(_ change: ExtendedAttributeChange, way: linux_way) throws(Errno) {
    let name = change.name + [0]
    if let value = change.value {
      try checked(unsafe linux_set_attribute(number, way, name, value, value.count))
    } else {
      let result = unsafe linux_remove_attribute(number, way, name)
      if result != -Errno.noData.rawValue { try checked(result) }
    }
  }

  /// All extended attributes that ebbfs may see, in the filesystem's order, and the names of those that this process may not
  /// read; none where they are not supported.
  borrowing func extendedAttributes(way: linux_way) throws(Errno) -> (readable: [ExtendedAttribute], unreadable: [[UInt8]]) {
    var readable: [ExtendedAttribute] = []
    var unreadable: [[UInt8]] = []
    for name in try extendedAttributeNames(way: way) where isVisible(name) {
      do throws(Errno) {
        readable.append(ExtendedAttribute(name: name, value: try extendedAttribute(name, way: way)))
      } catch {
        if tellsOfNone(error) { continue }
        guard [.notPermitted, .accessDenied, .resultTooLarge].contains(error) else { throw error }
        unreadable.append(name)
      }
    }
    return (readable, unreadable)
  }

  private borrowing func extendedAttributeNames(way: linux_way) throws(Errno) -> [[UInt8]] {
    var names = [UInt8](repeating: 0, count: 1024)
    while true {
      let result = unsafe linux_list_attributes(number, way, &names, names.count)
      if result == -Int64(Errno.resultTooLarge.rawValue), names.count < extendedAttributeBytesMax {
        names = [UInt8](repeating: 0, count: extendedAttributeBytesMax)
        continue
      }
      if result < 0, tellsOfNone(Errno(rawValue: Int32(-result))) { return [] }
      return try names.prefix(checked(result)).split(separator: 0).map(Array.init)
    }
  }

  private borrowing func extendedAttribute(_ name: [UInt8], way: linux_way) throws(Errno) -> [UInt8] {
    let name = name + [0]
    var value = [UInt8](repeating: 0, count: 256)
    while true {
      let result = unsafe linux_get_attribute(number, way, name, &value, value.count)
      if result == -Int64(Errno.resultTooLarge.rawValue), value.count < extendedAttributeBytesMax {
        value = [UInt8](repeating: 0, count: extendedAttributeBytesMax)
        continue
      }
      return try Array(value.prefix(checked(result)))
    }
  }
}

extension linux_time {
  /// A time to set; an absent one is left as it is.
  fileprivate init(_ time: Timestamp?) {
    self.init(
      is_present: time == nil ? 0 : 1, seconds: time?.seconds ?? 0, nanoseconds: Int64(time?.nanoseconds ?? 0))
  }
}

/// XATTR_LIST_MAX and XATTR_SIZE_MAX of `limits.h`.
private let extendedAttributeBytesMax = 65_536

/// Whether an attribute belongs to the file itself, not to how a filesystem describes it (such as `btrfs.` and
/// `system.nfs4_acl`).
private func isVisible(_ name: [UInt8]) -> Bool {
  let prefixes = ["user.", "trusted.", "security.", "system.posix_acl_"]
  return prefixes.contains { name.starts(with: $0.utf8) }
}

/// Whether an error tells that there is no such attribute, or none at all, rather than of a failure.
private func tellsOfNone(_ error: Errno) -> Bool { [.notSupported, .notImplemented, .noData].contains(error) }
