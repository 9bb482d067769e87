import CFUSE
import FilesystemModel
import Glibc

func setAttributeCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  unsafe callbacks.getattr = { request, inode, _ in
    unsafe Incoming(request).submit(.attributes) { .getAttributes(InodeNumber(inode)) }
  }
  unsafe callbacks.setattr = { request, inode, status, fields, _ in
    let incoming = unsafe Incoming(request)
    guard let status = unsafe status?.pointee else { return incoming.refuse(.invalidArgument) }
    let asked = AttributeRequest(status, fields: fields)
    // Whether the set-group-id bit stays depends on the caller's groups.
    let needsGroups = asked.permissions != nil || asked.clearsSetID
    incoming.submit(.attributes, needsGroups: needsGroups) { .setAttributes(InodeNumber(inode), asked) }
  }
  unsafe callbacks.readlink = { request, inode in
    unsafe Incoming(request).submit(.bytes) { .readLink(InodeNumber(inode)) }
  }
}

extension AttributeRequest {
  /// What SETATTR asks for. One without any field is the kernel's request to clear set-id bits before a write, fallocate or
  /// copy_file_range (KILLPRIV_V2).
  init(_ status: stat, fields: Int32) {
    func asks(_ field: Int32) -> Bool { fields & field != 0 }
    self.init(
      permissions: asks(FUSE_SET_ATTR_MODE) ? UInt16(truncatingIfNeeded: status.st_mode & 0o7777) : nil,
      owner: asks(FUSE_SET_ATTR_UID) ? status.st_uid : nil,
      group: asks(FUSE_SET_ATTR_GID) ? status.st_gid : nil,
      size: asks(FUSE_SET_ATTR_SIZE) ? Int(status.st_size) : nil,
      accessed: Time(asks(FUSE_SET_ATTR_ATIME), now: asks(FUSE_SET_ATTR_ATIME_NOW), status.st_atim),
      modified: Time(asks(FUSE_SET_ATTR_MTIME), now: asks(FUSE_SET_ATTR_MTIME_NOW), status.st_mtim),
      changed: asks(FUSE_SET_ATTR_CTIME) ? Timestamp(status.st_ctim) : nil,
      clearsSetID: fields == 0 || asks(1 << 11))  // FUSE_SET_ATTR_KILL_SUID, FATTR_KILL_SUIDGID of the protocol
  }
}

extension AttributeRequest.Time {
  fileprivate init?(_ isAsked: Bool, now: Bool, _ time: timespec) {
    if now { self = .now } else if isAsked { self = .at(Timestamp(time)) } else { return nil }
  }
}

func setExtendedAttributeCallbacks(_ callbacks: inout fuse_lowlevel_ops) {
  unsafe callbacks.setxattr = { request, inode, name, value, size, flags in
    let incoming = unsafe Incoming(request)
    guard let name = unsafe name else { return incoming.refuse(.invalidArgument) }
    // SAFETY: `size` bytes at `value` are the callback's to read.
    let attribute = unsafe ExtendedAttribute(
      name: bytes(of: name), value: Array(UnsafeRawBufferPointer(start: value, count: size)))
    // Setting an access ACL changes the mode, so the set-group-id bit depends on the caller's groups.
    let isAccessList = attribute.name.elementsEqual("system.posix_acl_access".utf8)
    incoming.submit(.done, needsGroups: isAccessList) { () throws(Errno) in
      .setExtendedAttribute(InodeNumber(inode), attribute, try ExtendedAttributeMode(kernel: flags))
    }
  }
  unsafe callbacks.getxattr = { request, inode, name, size in
    let incoming = unsafe Incoming(request)
    guard let name = unsafe name else { return incoming.refuse(.invalidArgument) }
    let nameBytes = unsafe bytes(of: name)
    incoming.submit(.sizedBytes(bytesMax: size)) { .getExtendedAttribute(InodeNumber(inode), name: nameBytes) }
  }
  unsafe callbacks.listxattr = { request, inode, size in
    unsafe Incoming(request).submit(.sizedBytes(bytesMax: size)) { .listExtendedAttributes(InodeNumber(inode)) }
  }
  unsafe callbacks.removexattr = { request, inode, name in
    let incoming = unsafe Incoming(request)
    guard let name = unsafe name else { return incoming.refuse(.invalidArgument) }
    let nameBytes = unsafe bytes(of: name)
    incoming.submit(.done) { .removeExtendedAttribute(InodeNumber(inode), name: nameBytes) }
  }
}

extension ExtendedAttributeMode {
  /// `setxattr(2)`.
  init(kernel flags: Int32) throws(Errno) {
    switch flags {
    case 0: self = .set
    case 1: self = .create  // XATTR_CREATE
    case 2: self = .replace  // XATTR_REPLACE
    default: throw .invalidArgument
    }
  }
}
