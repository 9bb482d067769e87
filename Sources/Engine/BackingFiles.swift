import FilesystemModel
import StorageInterface
import Threading

/// Open descriptors of backing files: a bounded number that are used again, and those that must be kept because the name is gone
/// while the file is still open on the mount.
final class BackingFiles: Sendable {
  private struct Cache {
    var open: [InodeNumber: any BackingFile] = [:]
    /// Oldest first; may name inodes that are no longer open.
    var order: [InodeNumber] = []
    var held: [InodeNumber: any BackingFile] = [:]
  }

  private let backing: any BackingStorage
  private let countMax: Int
  private let cache = Lock(Cache())

  init(backing: any BackingStorage, countMax: Int) {
    self.backing = backing
    self.countMax = countMax
  }

  /// The backing file of an inode, opened for reading when it is not open. It is not kept until `remember`: the path may be
  /// another file's by now. May be slow: not under the engine's lock.
  func file(of inode: InodeNumber, at path: BackingPath?) throws(Errno) -> any BackingFile {
    if let file = cache.withLock({ $0.held[inode] ?? $0.open[inode] }) { return file }
    guard let path else { throw .noEntry }
    return try backing.open(path, writable: false)
  }

  /// Keeps a file open that was found to be the inode's.
  ///
  /// - Returns: files that are to be closed, outside of any lock: close(2) may wait for a server.
  func remember(_ file: any BackingFile, of inode: InodeNumber) -> [any BackingFile] {
    cache.withLock { $0.open[inode] == nil ? remember(file, inode, in: &$0) : [] }
  }

  /// Keeps a descriptor of a file whose last name is about to go, until `forget`. May be slow: not under the engine's lock.
  ///
  /// - Parameter isWritable: whether what changes is to be written through the descriptor, where the file allows that.
  func hold(_ inode: InodeNumber, at path: BackingPath, isWritable: Bool) throws(Errno) {
    var file = isWritable ? try? backing.open(path, writable: true) : nil
    if file == nil { file = try self.file(of: inode, at: path) }
    cache.withLock { $0.held[inode] = file }
  }

  /// The held descriptor of a file without a name.
  func held(_ inode: InodeNumber) -> (any BackingFile)? { cache.withLock { $0.held[inode] } }

  func isHeld(_ inode: InodeNumber) -> Bool { cache.withLock { $0.held[inode] != nil } }

  /// Closes a file that is only kept because it may be read again, which fails.
  ///
  /// - Returns: whether there was one.
  func drop(_ inode: InodeNumber) -> Bool { cache.withLock { $0.open.removeValue(forKey: inode) } != nil }

  func forget(_ inode: InodeNumber) {
    // The descriptors are closed outside the lock.
    let closing = cache.withLock { [$0.held.removeValue(forKey: inode), $0.open.removeValue(forKey: inode)] }
    _ = closing
  }

  private func remember(_ file: any BackingFile, _ inode: InodeNumber, in cache: inout Cache) -> [any BackingFile] {
    var closing: [any BackingFile] = []
    cache.open[inode] = file
    cache.order.append(inode)
    while cache.open.count > countMax, !cache.order.isEmpty {
      if let oldest = cache.open.removeValue(forKey: cache.order.removeFirst()) { closing.append(oldest) }
    }
    if cache.order.count > 4 * countMax { cache.order.removeAll { cache.open[$0] == nil } }
    return closing
  }
}
