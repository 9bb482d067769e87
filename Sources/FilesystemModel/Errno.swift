/// An operating-system error number, as the Linux kernel numbers them on every architecture that ebbfs supports.
///
/// Source: `errno(3)`, `include/uapi/asm-generic/errno.h`.
package struct Errno: Error, Hashable, Sendable {
  package let rawValue: Int32

  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let notPermitted = Errno(rawValue: 1)  // EPERM
  package static let noEntry = Errno(rawValue: 2)  // ENOENT
  package static let interrupted = Errno(rawValue: 4)  // EINTR
  package static let inputOutput = Errno(rawValue: 5)  // EIO
  package static let noDeviceOrAddress = Errno(rawValue: 6)  // ENXIO
  package static let argumentListTooLong = Errno(rawValue: 7)  // E2BIG
  package static let badDescriptor = Errno(rawValue: 9)  // EBADF
  package static let again = Errno(rawValue: 11)  // EAGAIN
  package static let outOfMemory = Errno(rawValue: 12)  // ENOMEM
  package static let accessDenied = Errno(rawValue: 13)  // EACCES
  package static let busy = Errno(rawValue: 16)  // EBUSY
  package static let exists = Errno(rawValue: 17)  // EEXIST
  package static let crossDevice = Errno(rawValue: 18)  // EXDEV
  package static let notDirectory = Errno(rawValue: 20)  // ENOTDIR
  package static let isDirectory = Errno(rawValue: 21)  // EISDIR
  package static let invalidArgument = Errno(rawValue: 22)  // EINVAL
  package static let fileTooLarge = Errno(rawValue: 27)  // EFBIG
  package static let noSpace = Errno(rawValue: 28)  // ENOSPC
  package static let readOnlyFilesystem = Errno(rawValue: 30)  // EROFS
  package static let tooManyLinks = Errno(rawValue: 31)  // EMLINK
  package static let resultTooLarge = Errno(rawValue: 34)  // ERANGE
  package static let nameTooLong = Errno(rawValue: 36)  // ENAMETOOLONG
  package static let notImplemented = Errno(rawValue: 38)  // ENOSYS
  package static let notEmpty = Errno(rawValue: 39)  // ENOTEMPTY
  package static let tooManySymlinks = Errno(rawValue: 40)  // ELOOP
  package static let noData = Errno(rawValue: 61)  // ENODATA
  package static let overflow = Errno(rawValue: 75)  // EOVERFLOW
  package static let notSupported = Errno(rawValue: 95)  // EOPNOTSUPP
  package static let connectionAborted = Errno(rawValue: 103)  // ECONNABORTED
  package static let notConnected = Errno(rawValue: 107)  // ENOTCONN
  package static let stale = Errno(rawValue: 116)  // ESTALE
  package static let quotaExceeded = Errno(rawValue: 122)  // EDQUOT
  package static let canceled = Errno(rawValue: 125)  // ECANCELED
}
