import CFUSE
import FilesystemModel

// SAFETY: the session lives as long as its owner; the name's bytes live for the call, their length is given.

/// What the kernel is told of changes that did not pass through it. Not for a thread that handles a request of the same inode or
/// directory: the kernel may hold its lock until that is answered.
extension MountSession {
  /// Makes the kernel forget attributes of an inode, and its contents: all, or the pages of a range, dirty ones of shared
  /// mappings after writing them. Waits for requests of these pages.
  ///
  /// - Throws: `noEntry` when the kernel does not know the inode.
  package func invalidate(_ inode: InodeNumber, _ range: ByteRange = 0..<0) throws(Errno) {
    let result = unsafe fuse_lowlevel_notify_inval_inode(
      session.pointer, inode.rawValue, off_t(range.lowerBound), off_t(range.count))
    guard result == 0 else { throw Errno(rawValue: -result) }
  }

  /// Makes the kernel forget a name, known or known to be absent.
  ///
  /// - Throws: `noEntry` when the kernel does not know it.
  package func invalidateEntry(_ location: Location) throws(Errno) {
    let name = location.name.bytes
    let result = unsafe name.withUnsafeBytes {
      unsafe fuse_lowlevel_notify_inval_entry(
        session.pointer, location.parent.rawValue, $0.baseAddress?.assumingMemoryBound(to: CChar.self), name.count)
    }
    guard result == 0 else { throw Errno(rawValue: -result) }
  }
}
