import CLinux
import FilesystemModel
import StorageInterface
import Threading

// SAFETY: the buffer is the call's own and lives for it; events lie within the bytes that were read.

extension PosixBackingStorage {
  package func beginWatching(_ tell: @escaping @Sendable ([BackingEvent]) -> Void) -> (any BackingWatch)? {
    // Of what other machines do on a network filesystem nothing is told: there is no harm in that, and no use.
    guard abilities.hasStableInodes, root.features.hasProc else { return nil }
    return try? InotifyWatch(of: self, tell)
  }
}

/// inotify(7) of directories below the backing directory's root. It lives as long as the process.
final class InotifyWatch: BackingWatch {
  private let storage: PosixBackingStorage
  private let descriptor: Descriptor
  private let directories = Lock<[Int32: InodeNumber]>([:])
  private static let bufferBytes = 64 << 10

  init(of storage: PosixBackingStorage, _ tell: @escaping @Sendable ([BackingEvent]) -> Void) throws(Errno) {
    self.storage = storage
    descriptor = try Descriptor(linux_open_watch())
    do throws(ThreadError) {
      try Thread(name: "ebbfs-inotify") { [self] in serve(tell) }.detach()
    } catch {
      throw Errno(rawValue: error.errorNumber)
    }
  }

  func add(_ path: BackingPath, as directory: InodeNumber) throws(Errno) {
    let opened = try storage.root.open(path.components, flags: linux_o_path | linux_o_directory)
    // An event may come before the number is known: the lock makes its reader wait.
    try directories.withLock { (directories) throws(Errno) in
      let number = Int32(try checked(linux_watch_directory(descriptor.number, opened.number)))
      directories[number] = directory
    }
  }

  private func serve(_ tell: @Sendable ([BackingEvent]) -> Void) {
    var buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    while true {
      let count = unsafe linux_read(descriptor.number, &buffer, buffer.count)
      if count == -Int64(Errno.interrupted.rawValue) { continue }
      guard count > 0 else { return tell([.overflow]) }
      let events = events(in: buffer[..<Int(count)])
      if !events.isEmpty { tell(events) }
    }
  }

  /// Each change once.
  private func events(in bytes: ArraySlice<UInt8>) -> [BackingEvent] {
    var found: [BackingEvent] = []
    var seen: Set<BackingEvent> = []
    var offset = bytes.startIndex
    while offset < bytes.endIndex {
      let event = unsafe bytes[offset...].withUnsafeBufferPointer { unsafe linux_event_at($0.baseAddress) }
      let name = event.name_offset == 0 ? [] : Array(bytes[(offset + Int(event.name_offset))...].prefix { $0 != 0 })
      if let event = backingEvent(event, name), seen.insert(event).inserted { found.append(event) }
      offset += Int(event.bytes)
    }
    return found
  }

  private func backingEvent(_ event: linux_event, _ name: [UInt8]) -> BackingEvent? {
    if event.is_overflow != 0 { return .overflow }
    guard let directory = directories.withLock({ $0[event.watch] }) else { return nil }
    if event.is_end != 0 {
      directories.withLock { $0[event.watch] = nil }
      return .ended(directory)
    }
    return (try? EntryName(validating: name)).map { .entry($0, in: directory) }
  }
}
