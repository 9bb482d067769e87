import CFUSE
import FilesystemModel
import Glibc

// SAFETY: libfuse's session lives in one call, its argument list and table of operations are copied, and lists of arguments end
// with a null pointer and are freed after the call.

/// Makes one mount in the kernel and takes it away again: what needs rights that serving it does not need.
package protocol Mounter: Sendable {
  /// Mounts and gives the descriptor of /dev/fuse, which is the caller's to close.
  func mount() throws(MountError) -> Int32
  /// Takes away whatever is mounted there; `busy` when it is in use, unless lazily. Waits for the kernel.
  func unmount(lazily: Bool) throws(Errno)
}

/// Mounts with the rights of this process: root's, or those that fusermount3 gives an ordinary user.
package struct DirectMounter: Mounter {
  private let mountpoint: String
  private let options: MountSessionOptions

  /// - Parameter mountpoint: an absolute path.
  package init(mountpoint: String, options: MountSessionOptions) {
    self.mountpoint = mountpoint
    self.options = options
  }

  package func mount() throws(MountError) -> Int32 {
    let (descriptor, message) = LibraryMessages.collect {
      unsafe withArguments(["ebbfs", "-o", options.mountArgument]) { arguments -> Int32 in
        var operations = fuse_lowlevel_ops()
        let session = unsafe fuse_session_new(&arguments, &operations, MemoryLayout<fuse_lowlevel_ops>.size, nil)
        guard let session = unsafe session else { return -1 }
        // That closes libfuse's own descriptor and leaves the mount.
        defer { unsafe fuse_session_destroy(session) }
        guard unsafe fuse_session_mount(session, mountpoint) == 0 else { return -1 }
        return fcntl(unsafe fuse_session_fd(session), F_DUPFD_CLOEXEC, 0)
      }
    }
    // As an ordinary user the message is fusermount3's, on standard error.
    guard descriptor >= 0 else { throw MountError(message ?? "\(mountpoint) could not be mounted") }
    return descriptor
  }

  package func unmount(lazily: Bool) throws(Errno) {
    if unsafe umount2(mountpoint, Int32(lazily ? MNT_DETACH : 0) | Int32(UMOUNT_NOFOLLOW)) == 0 { return }
    let error = Errno(rawValue: errno)
    guard error == .notPermitted else { throw error }
    try unmountAsUser(lazily: lazily)
  }

  private func unmountAsUser(lazily: Bool) throws(Errno) {
    let arguments = ["fusermount3", "-u", "-q"] + (lazily ? ["-z"] : []) + ["--", mountpoint]
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    var process = pid_t()
    let failure = unsafe posix_spawnp(&process, "fusermount3", nil, nil, &pointers, environ)
    guard failure == 0 else { throw Errno(rawValue: failure) }
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
    // It tells no reason; use is the usual one.
    guard status == 0 else { throw .busy }
  }
}
