import CLinux
import FilesystemModel
import Glibc

// SAFETY: every `unsafe` of this file passes names that end in NUL and values with their lengths, which live for the call.

/// Sets the extended attributes that settle policies of a file, or of all below a directory.
enum PolicyAttributes {
  /// - Parameter settings: each `KEY=VALUE`.
  static func set(_ settings: [String], on path: String, mountpoint: String) throws(CommandFailure) {
    let attributes = try PathSettings.parse(settings)
    let canonical: String
    do throws(Errno) {
      canonical = try Files.canonicalPath(path)
    } catch {
      throw CommandFailure(.usage, "\(path): \(error.message)")
    }
    guard PathText.isInside(canonical, mountpoint) else {
      throw CommandFailure(.usage, "\(path) is not on the mount \(mountpoint)")
    }
    do throws(Errno) {
      // Only files and directories have such attributes; what else there is must not hold the command up.
      let file = try Descriptor(path: canonical, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
      for attribute in attributes { try change(attribute.name, attribute.value, of: file) }
    } catch {
      throw CommandFailure(.failed, "\(path): \(error.message)")
    }
  }

  private static func change(_ name: String, _ value: String?, of file: borrowing Descriptor) throws(Errno) {
    let name = Array(name.utf8) + [0]
    let result: Int32
    if let value {
      let bytes = Array(value.utf8)
      result = unsafe linux_set_attribute(file.number, linux_way_direct, name, bytes, bytes.count)
    } else {
      result = unsafe linux_remove_attribute(file.number, linux_way_direct, name)
    }
    if value == nil, result == -Errno.noData.rawValue { return }
    guard result >= 0 else { throw Errno(rawValue: -result) }
  }
}
