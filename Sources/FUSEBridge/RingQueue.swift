import CFUSE
import CFUSERing
import CLinux
import FilesystemModel
import Glibc
import Synchronization
import Threading

/// The requests of one processor, which the kernel writes into memory of ours, and the answers, which it reads from there: FUSE
/// over io_uring (`Documentation/filesystems/fuse/fuse-io-uring.rst` of Linux 6.14).
///
/// The thread that serves runs on that processor: the program that waits and the daemon change places without another processor
/// having to be woken, which costs more than the request itself. Requests that wait for something keep their slots.
@safe final class RingQueue: @unchecked Sendable {
  // SAFETY: `ring`, `device` and `watch` are used by the serving thread only, and the first under a lock while it is open, to
  // wake that thread and to see whether it has work. A slot's memory belongs to the kernel until a request is in it, and then to
  // whoever answers it, once. The memory lives as long as this object.

  /// Answers that other threads than the serving one have left in their slots.
  private struct Finished {
    var slots: [Int] = []
    var isOpen = true
  }

  let number: Int
  private let ring: OpaquePointer
  private let slots: Int
  private let payloadBytes: Int
  private let memory: UnsafeMutableRawPointer
  private let finished = Lock(Finished())
  /// Whether another thread may look at the ring. Not the lock above: the serving thread may get no time while it has that.
  private let isWatched = Lock(true)
  /// The thread that serves; 0 before and after.
  private let server = Atomic<UInt>(0)
  private var device: Int32 = -1
  private let processor = ProcessorYield()
  private var watch: YieldWatch?

  /// Before a slot's payload: its header, the two pieces that the kernel is told of, and room to put a request together in.
  private static let pageBytes = 4096
  private static let piecesOffset = 1024

  /// Ready for `begin` on the thread that will serve.
  ///
  /// - Parameters:
  ///   - number: that of the processor.
  ///   - payloadBytes: the longest payload of a request or an answer, in whole pages. Memory that was never needed is
  ///     not taken.
  /// - Throws: an error of `io_uring_setup(2)` or `mmap(2)`: this kernel has no such rings, or does not let us have them.
  init(number: Int, slots: Int, payloadBytes: Int) throws(Errno) {
    self.number = number
    self.slots = slots
    self.payloadBytes = payloadBytes
    let bytes = slots * (Self.pageBytes + payloadBytes)
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe memory != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    var ring: OpaquePointer?
    let result = unsafe fuse_ring_open(UInt32(slots), &ring)
    guard result == 0, let ring = unsafe ring else {
      unsafe munmap(memory, bytes)
      throw Errno(rawValue: -result)
    }
    unsafe self.memory = memory
    unsafe self.ring = ring
  }

  deinit {
    end()
    unsafe munmap(memory, slots * (Self.pageBytes + payloadBytes))
  }

  /// Takes the calling thread as the one that serves, and offers all slots to the kernel.
  ///
  /// - Parameters:
  ///   - device: the descriptor of /dev/fuse.
  ///   - watch: lets the thread yield its processor; `nil`, it may not.
  func begin(_ device: Int32, _ watch: YieldWatch?) throws(Errno) {
    self.device = device
    self.watch = watch
    processor.begin()
    // Where that is not allowed it serves from elsewhere.
    linux_tie_thread(UInt32(number))
    let result = unsafe fuse_ring_begin(ring)
    guard result == 0 else { throw Errno(rawValue: -result) }
    server.store(pthread_self(), ordering: .releasing)
    for slot in 0..<slots {
      let header = unsafe header(slot)
      let pieces = unsafe (header + Self.piecesOffset).bindMemory(to: iovec.self, capacity: 2)
      unsafe pieces[0] = iovec(iov_base: header, iov_len: MemoryLayout<fuse_ring_header>.size)
      unsafe pieces[1] = iovec(iov_base: payload(slot), iov_len: payloadBytes)
      unsafe fuse_ring_offer(ring, device, UInt32(number), UInt64(slot), pieces)
    }
  }

  /// Waits for a request; `nil` when there is none yet.
  ///
  /// - Returns: the request as /dev/fuse would give it, in the slot's memory, but that its number is the slot's address, and the
  ///   number that the kernel gave it.
  /// - Throws: why the kernel gives no more.
  func next() throws(Errno) -> (request: UnsafeMutableRawBufferPointer, unique: UInt64)? {
    var slot: UInt64 = 0
    var failure: Int32 = 0
    if unsafe fuse_ring_has_work(ring) == 0 { processor.beforeSleep() }
    let result = unsafe fuse_ring_wait(ring, &slot, &failure)
    if result == -EINTR || result == -EAGAIN { return nil }
    guard result == 0, failure == 0 else { throw Errno(rawValue: -min(result, failure)) }
    guard slot != Self.woken else {
      commitFinished()
      return nil
    }
    processor.requestCame()
    return try unsafe assembled(Int(slot))
  }

  /// FUSE_RING_WOKEN.
  private static let woken = UInt64.max

  private func commitFinished() {
    let answered = finished.withLock { finished in
      let slots = finished.slots
      finished.slots = []
      return slots
    }
    commit(answered)
  }

  private func commit(_ slots: some Sequence<Int>) {
    for slot in slots {
      let commit = unsafe header(slot).load(as: fuse_ring_header.self).commit
      unsafe fuse_ring_answer(ring, device, UInt32(number), UInt64(slot), commit)
    }
    if let watch { processor.beforeAnswer(othersWait: unsafe fuse_ring_has_work(ring) != 0) { watch.wake() } }
    // At once: whoever waits for it goes on while we tidy up.
    unsafe fuse_ring_submit(ring)
  }

  /// How far the thread is that yields its processor, seen from another one: `ProcessorYield.look`.
  func lookAtYield(since before: UInt64) -> (progress: UInt64, isActive: Bool) {
    isWatched.withLock { isWatched in
      guard isWatched else { return (before, false) }
      return processor.look(since: before) { unsafe fuse_ring_has_work(ring) != 0 }
    }
  }

  private func header(_ slot: Int) -> UnsafeMutableRawPointer { unsafe memory + slot * (Self.pageBytes + payloadBytes) }

  private func payload(_ slot: Int) -> UnsafeMutableRawPointer { unsafe header(slot) + Self.pageBytes }

  /// Puts the pieces of a request together: its header and that of its operation before the payload.
  private func assembled(_ slot: Int) throws(Errno) -> (UnsafeMutableRawBufferPointer, UInt64) {
    let pieces = unsafe header(slot).load(as: fuse_ring_header.self)
    var header = unsafe header(slot).load(as: fuse_in_header.self)
    let headerBytes = MemoryLayout<fuse_in_header>.size
    let operationBytes = Int(header.len) - headerBytes - Int(pieces.payload_bytes)
    guard 0...Int(FUSE_RING_OPERATION_BYTES) ~= operationBytes, pieces.payload_bytes <= payloadBytes else {
      throw .inputOutput
    }
    let start = unsafe payload(slot) - operationBytes - headerBytes
    let unique = header.unique
    header.unique = RingAddress(queue: number, slot: slot).unique
    unsafe start.storeBytes(of: header, as: fuse_in_header.self)
    unsafe (start + headerBytes).copyMemory(
      from: self.header(slot) + Self.operationOffset, byteCount: operationBytes)
    return unsafe (UnsafeMutableRawBufferPointer(start: start, count: Int(header.len)), unique)
  }

  /// Answers the request in a slot. From any thread.
  ///
  /// - Parameter pieces: a `fuse_out_header` and what follows it.
  /// - Returns: whether it goes to the kernel: the queue has not ended.
  func answer(_ slot: Int, _ pieces: UnsafeBufferPointer<iovec>) -> Bool {
    guard let outcome = unsafe pieces.first?.iov_base?.load(as: fuse_out_header.self) else { return false }
    let count = Int(outcome.len) - MemoryLayout<fuse_out_header>.size
    guard count <= payloadBytes else { return false }
    var end = unsafe payload(slot)
    for index in 1..<pieces.count {
      let piece = unsafe pieces[index]
      guard let bytes = unsafe piece.iov_base else { continue }
      unsafe end.copyMemory(from: bytes, byteCount: piece.iov_len)
      unsafe end += piece.iov_len
    }
    let header = unsafe header(slot)
    // The kernel's number of the request stays where it is: it has the same place in both headers.
    unsafe header.storeBytes(of: outcome.len, as: UInt32.self)
    unsafe header.storeBytes(of: outcome.error, toByteOffset: 4, as: Int32.self)
    unsafe header.storeBytes(of: UInt32(count), toByteOffset: Self.payloadCountOffset, as: UInt32.self)
    if server.load(ordering: .relaxed) == pthread_self() {
      commit(CollectionOfOne(slot))
      return true
    }
    return finished.withLock { finished in
      guard finished.isOpen else { return false }
      finished.slots.append(slot)
      if finished.slots.count == 1 { unsafe fuse_ring_wake(ring) }
      return true
    }
  }

  private static let operationOffset = MemoryLayout<fuse_ring_header>.offset(of: \.operation) ?? 0
  private static let payloadCountOffset = MemoryLayout<fuse_ring_header>.offset(of: \.payload_bytes) ?? 0

  /// Gives up all slots: no request comes and no answer goes any more. On the thread that serves, or after it has ended.
  func end() {
    server.store(0, ordering: .releasing)
    processor.beforeSleep()
    watch = nil
    isWatched.withLock { $0 = false }
    let wasOpen = finished.withLock { finished in
      defer { finished.isOpen = false }
      return finished.isOpen
    }
    if wasOpen { unsafe fuse_ring_close(ring) }
  }
}

/// What stands in place of the kernel's number in a request that came through a ring, so that its answer finds back.
struct RingAddress {
  var queue: Int
  var slot: Int

  /// The kernel counts its requests from 0; it never gets there.
  private static let mark: UInt64 = 1 << 63

  init(queue: Int, slot: Int) {
    self.queue = queue
    self.slot = slot
  }

  /// `nil` for a number of the kernel's.
  init?(_ unique: UInt64) {
    guard unique & Self.mark != 0 else { return nil }
    queue = Int(unique & ~Self.mark) >> 32
    slot = Int(unique & 0xffff_ffff)
  }

  var unique: UInt64 { Self.mark | UInt64(queue) << 32 | UInt64(slot) }
}
