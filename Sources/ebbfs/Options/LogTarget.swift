/// Where diagnostics go, `-o log=`.
enum LogTarget: String, Hashable, Sendable, CaseIterable {
  /// The journal of systemd where that has connected standard error with it, else standard error.
  case auto
  case stderr
  case syslog
  case journal
}
