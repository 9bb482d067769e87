import CFUSE
import FilesystemModel

/// libfuse's table of operations. What is absent is answered with ENOSYS, after which the kernel does without it: FLUSH, IOCTL,
/// POLL, BMAP; locks are the kernel's own. RELEASE, where it is still sent, is answered by libfuse.
///
/// Callbacks are formed here, outside main.swift, so that none is isolated to the main actor.
func requestCallbacks() -> fuse_lowlevel_ops {
  var callbacks = fuse_lowlevel_ops()
  setSessionCallbacks(&callbacks)
  setNameCallbacks(&callbacks)
  setMakingCallbacks(&callbacks)
  setAttributeCallbacks(&callbacks)
  setExtendedAttributeCallbacks(&callbacks)
  setContentCallbacks(&callbacks)
  setDirectoryCallbacks(&callbacks)
  return callbacks
}

private func setSessionCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  unsafe callbacks.`init` = { session, connection in
    guard let session = unsafe session, let connection = unsafe connection else { return }
    // SAFETY: libfuse passes the user data of `FUSESession.init`, whose thread waits for this.
    let fuse = unsafe Unmanaged<FUSESession>.fromOpaque(session).takeUnretainedValue()
    unsafe fuse.negotiate(&connection.pointee)
  }
  unsafe callbacks.forget = { request, inode, count in
    let incoming = unsafe Incoming(request)
    incoming.session.handler.forget(InodeNumber(inode), count: count)
    incoming.end()
  }
  unsafe callbacks.forget_multi = { request, count, forgotten in
    let incoming = unsafe Incoming(request)
    for index in 0..<count {
      guard let one = unsafe forgotten?[index] else { break }
      incoming.session.handler.forget(InodeNumber(one.ino), count: one.nlookup)
    }
    incoming.end()
  }
  unsafe callbacks.statfs = { request, _ in unsafe Incoming(request).submit(.statistics) { .statistics } }
}

private func setNameCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  unsafe callbacks.lookup = { request, parent, name in unsafe lookUp(request, InodeNumber(parent), name) }
  unsafe callbacks.unlink = { request, parent, name in
    unsafe Incoming(request).submit(.done) { () throws(Errno) in
      .unlink(parent: InodeNumber(parent), name: unsafe try entryName(name))
    }
  }
  unsafe callbacks.rmdir = { request, parent, name in
    unsafe Incoming(request).submit(.done) { () throws(Errno) in
      .removeDirectory(parent: InodeNumber(parent), name: unsafe try entryName(name))
    }
  }
  unsafe callbacks.rename = { request, parent, name, newParent, newName, flags in
    unsafe Incoming(request).submit(.done) { () throws(Errno) in
      .rename(
        from: Location(InodeNumber(parent), unsafe try entryName(name)),
        to: Location(InodeNumber(newParent), unsafe try entryName(newName)), try RenameFlags(kernel: flags))
    }
  }
  unsafe callbacks.link = { request, inode, newParent, newName in
    unsafe Incoming(request).submit(.entry) { () throws(Errno) in
      .link(InodeNumber(inode), at: Location(InodeNumber(newParent), unsafe try entryName(newName)))
    }
  }
}

/// A file handle is opened with `.` and `..`: both ask about an inode, not about a name (EXPORT_SUPPORT).
private func lookUp(_ request: OpaquePointer?, _ parent: InodeNumber, _ name: UnsafePointer<CChar>?) {
  let incoming = unsafe Incoming(request)
  guard let text = unsafe name else { return incoming.refuse(.invalidArgument) }
  let dot = CChar(bitPattern: UInt8(ascii: "."))
  if unsafe text[0] == dot, unsafe text[1] == 0 { return incoming.submit(.entry) { .lookupSelf(parent) } }
  if unsafe text[0] == dot, unsafe text[1] == dot, unsafe text[2] == 0 {
    return incoming.submit(.entry) { .lookupParent(parent) }
  }
  incoming.submit(.lookup) { () throws(Errno) in .lookup(parent: parent, name: unsafe try entryName(text)) }
}

private func setMakingCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  unsafe callbacks.mknod = { request, parent, name, mode, device in
    let incoming = unsafe Incoming(request)
    incoming.submit(.entry) { () throws(Errno) in
      guard let kind = FileKind(modeBits: mode) else { throw .invalidArgument }
      return .make(
        parent: InodeNumber(parent), name: unsafe try entryName(name),
        incoming.makeRequest(kind, mode: mode, device: UInt64(device)))
    }
  }
  unsafe callbacks.mkdir = { request, parent, name, mode in
    let incoming = unsafe Incoming(request)
    incoming.submit(.entry) { () throws(Errno) in
      .make(
        parent: InodeNumber(parent), name: unsafe try entryName(name), incoming.makeRequest(.directory, mode: mode))
    }
  }
  unsafe callbacks.create = { request, parent, name, mode, _ in
    let incoming = unsafe Incoming(request)
    incoming.submit(.create) { () throws(Errno) in
      .make(parent: InodeNumber(parent), name: unsafe try entryName(name), incoming.makeRequest(.regular, mode: mode))
    }
  }
  unsafe callbacks.symlink = { request, target, parent, name in
    unsafe Incoming(request).submit(.entry) { () throws(Errno) in
      guard let target = unsafe target else { throw .invalidArgument }
      let new = MakeRequest(kind: .symlink, permissions: 0o777, target: unsafe bytes(of: target))
      return .make(parent: InodeNumber(parent), name: unsafe try entryName(name), new)
    }
  }
}

extension RenameFlags {
  /// `renameat2(2)`; WHITEOUT and combinations are refused.
  init(kernel flags: UInt32) throws(Errno) {
    switch flags {
    case 0: self = .replace
    case 1: self = .noReplace  // RENAME_NOREPLACE
    case 2: self = .exchange  // RENAME_EXCHANGE
    default: throw .invalidArgument
    }
  }
}
