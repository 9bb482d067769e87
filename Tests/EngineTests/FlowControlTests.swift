import FilesystemModel
import StorageInterface
import Support
import Testing

@testable import Engine

/// Changes are slowed down in proportion, without a cliff, and small spikes not at all.
@Suite struct FlowControlTests {
  private let capacity = 100 << 20

  private func level(_ megabytes: Int) -> FlowControl.Level {
    FlowControl.Level(dirtyBytes: megabytes << 20, journalBytes: megabytes << 20)
  }

  private func control() -> FlowControl {
    FlowControl(background: .percent(50), limit: .percent(80), journalCapacityBytes: capacity)
  }

  @Test func nothingIsSlowedBelowTheBackgroundLevelAndMoreTheNearerTheLimit() {
    var last = 0
    for megabytes in stride(from: 0, through: 80, by: 2) {
      var flow = control()
      let delay = flow.delayMilliseconds(bytes: 8 << 20, level(megabytes), now: 1000)
      #expect((delay == 0) == (megabytes <= 50 || delay < 1), "at \(megabytes) MiB: \(delay) ms")
      #expect(delay >= last, "at \(megabytes) MiB")
      last = delay
    }
    #expect(last == 5000)
    #expect(control().fraction(level(80)) >= 1 && control().fraction(level(50)) == 0)
  }

  /// Ten times more arrives than goes, from writers that come again as soon as they are let through.
  @Test(arguments: [1, 7], [1 << 20, 20 << 20]) func whatComesSettlesAtWhatGoes(writers: Int, bytesPerSecond: Int) {
    var flow = control()
    let piece = 64 << 10
    var dirty = 0
    var written = 0
    var next = [Int](repeating: 0, count: writers)
    var delays: [Int] = []
    for now in 0..<120_000 {
      let drained = min(dirty, bytesPerSecond / 1000)
      dirty -= drained
      written += drained
      if dirty > 0 { flow.measure(bytesWritten: written, isPressed: true, now: now) }
      for writer in 0..<writers where next[writer] <= now {
        let level = FlowControl.Level(dirtyBytes: dirty, journalBytes: dirty)
        if flow.fraction(level) >= 1 { continue }
        let delay = flow.delayMilliseconds(bytes: piece, level, now: now)
        next[writer] = now + max(delay, piece * writers * 1000 / (10 * bytesPerSecond))
        dirty += piece
        if now > 60_000 { delays.append(delay) }
      }
      #expect(dirty <= 80 << 20 + writers * piece)
    }
    #expect(dirty > 50 << 20 && dirty < 78 << 20, "\(dirty >> 20) MiB")
    let fair = piece * writers * 1000 / bytesPerSecond
    delays.sort()
    let p99 = delays[delays.count * 99 / 100]
    #expect(p99 <= 2 * fair + 2, "p99 \(p99) ms, where \(fair) ms are fair")
  }

  @Test func aChangeThatIsSlowedDownIsAnsweredInTimeAndCanBeInterrupted() throws {
    let mount = try EngineOnDisks {
      $0.journalBytes = 16 << 20
      $0.segmentBytes = 1 << 20
      $0.writebackDelayMilliseconds = 60_000
      $0.writebackDeadlineMilliseconds = 120_000
    }
    let reply = try mount.ask(.make(parent: .root, name: "f", MakeRequest(kind: .regular, permissions: 0o644)))
    guard case .entry(let entry) = reply else { return }
    let bytes = [UInt8](repeating: 1, count: 256 << 10)
    var count = 0
    var waiting: EngineOnDisks.Pending?
    // No job runs: nothing is written back, and what is not slowed down is answered at once.
    while waiting == nil, count < 100 {
      let pending = mount.submit(.write(entry.inode, offset: count * bytes.count, bytes: bytes))
      if pending.answer == nil { waiting = pending }
      count += 1
    }
    #expect(count * bytes.count >= 6 << 20, "slowed down at \(count * bytes.count >> 20) MiB of 16")
    #expect(mount.engine.tickMilliseconds <= 5)
    let other = mount.submit(.write(entry.inode, offset: 0, bytes: bytes))
    mount.engine.interrupt(other.number.withLock { $0 })
    for _ in 0..<1200 where waiting?.answer == nil || other.answer == nil { mount.pass(milliseconds: 5) }
    #expect(waiting?.answer == .success(.count(bytes.count)))
    #expect(other.answer != nil)
  }
}
