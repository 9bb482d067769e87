/// How the kernel's requests come.
enum RequestTransport: String, CaseIterable, Sendable {
  /// Through io_uring where the kernel offers that, else as `device`.
  case auto
  /// Read from /dev/fuse.
  case device
}
