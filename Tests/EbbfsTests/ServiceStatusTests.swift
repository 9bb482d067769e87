import Control
import FilesystemModel
import Glibc
import Testing

@testable import ebbfs

// SAFETY: the buffer lives for the call and has the length given.

/// systemd's end of sd_notify(3).
private final class NotifySocket {
  let path: String
  private let number: Int32
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    path = directory("notify")
    number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(number, $0, length) }
    }
    try #require(number >= 0 && result == 0)
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(number) }

  /// The lines up to the first that begins so; all there were in ten seconds without one if it does not come.
  func lines(upTo beginning: String) -> [String] {
    var lines: [String] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !lines.contains(where: { $0.hasPrefix(beginning) }) {
      let count = unsafe recv(number, &buffer, buffer.count, 0)
      if count <= 0 { return lines + ["nothing more"] }
      lines += String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
    }
    return lines
  }
}

@Test func systemdIsToldOfReadinessStatusAndTheEnd() throws {
  let systemd = try NotifySocket()
  let double = try DoubleDaemon(dirtyBytes: 3 << 20, notifySocket: systemd.path)
  try double.start()
  let beginning = systemd.lines(upTo: "STATUS=serving,")
  #expect(beginning.contains("READY=1"), "\(beginning)")
  #expect(beginning.last == "STATUS=serving, 3.0 MiB and 0 operations not yet written back")
  double.filesystem.endServing()
  let end = systemd.lines(upTo: "EXTEND_TIMEOUT_USEC")
  #expect(end.contains("STOPPING=1"), "\(end)")
  #expect(end.suffix(2) == ["STATUS=writing back, 0 B of 3.0 MiB", "EXTEND_TIMEOUT_USEC=120000000"])
  double.filesystem.state.withLock { $0.report.dirtyBytes = 1 << 20 }
  let progress = systemd.lines(upTo: "STATUS=writing back, 2.0 MiB of 3.0 MiB")
  let isTimeTold = progress.contains { $0.hasPrefix("STATUS=writing back, 2.0 MiB of 3.0 MiB") && $0.hasSuffix(" left") }
  #expect(isTimeTold, "\(progress)")
  #expect(double.filesystem.awaits { $0.drain != nil })
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func systemdGetsSignsOfLifeAsOftenAsItWantsThem() {
  var service = ServiceStatus(watchdogMicroseconds: "30000000")
  #expect(service.lines("serving", now: 0) == "STATUS=serving\nWATCHDOG=1")
  #expect(service.lines("serving", now: 9999) == nil, "what has not changed is not told again")
  #expect(service.lines("a\nb", now: 9999) == "STATUS=a b", "a status is one line")
  #expect(service.lines("serving", now: 10_000) == "STATUS=serving\nWATCHDOG=1")
  var unwatched = ServiceStatus(watchdogMicroseconds: nil)
  #expect(unwatched.lines("serving", now: 0) == "STATUS=serving")
}

@Test func onlyProgressGivesAStopMoreTime() {
  var service = ServiceStatus(watchdogMicroseconds: nil)
  func extends(_ bytes: Int, _ operations: Int) -> Bool {
    service.lines("s", left: ControlProgress(bytesLeft: bytes, operationsLeft: operations), now: 0)?.contains("EXTEND_") ?? false
  }
  #expect(extends(100, 7))
  #expect(!extends(100, 7))
  #expect(!extends(101, 8))
  #expect(!extends(100, 7), "back to where it was is no progress")
  #expect(extends(100, 6))
  #expect(extends(99, 9))
}
