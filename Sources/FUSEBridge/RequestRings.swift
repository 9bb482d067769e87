/// The rings through which this kernel gives requests, if it does: Linux 6.14 and later with the parameter `enable_uring` of the
/// module `fuse` on. One for each processor, for the kernel does not begin before all are there.
///
/// They are made before a process gives up the right to make any, and used by one `MountSession`.
package struct RequestRings: Sendable {
  let queues: [RingQueue]

  /// The requests that may wait at one time: all of one processor, and all together where there are many.
  private static let slotsMax = 256
  private static let slotsOfAllMax = 4096
  private static let slotsMin = 16
  /// The kernel wants room for 32 pages at least.
  private static let payloadBytesMin = 32 * 4096

  /// `nil` where there are none to be had: requests come through /dev/fuse then.
  package static func open(maxWriteBytes: Int = MountSessionOptions.maxWriteBytesDefault) -> RequestRings? {
    guard isEnabled, let processors = processorCount else { return nil }
    let payloadBytes = max(payloadBytesMin, (maxWriteBytes + 4095) / 4096 * 4096)
    let slots = max(slotsMin, min(slotsMax, slotsOfAllMax / processors))
    var queues: [RingQueue] = []
    for number in 0..<processors {
      guard let queue = try? RingQueue(number: number, slots: slots, payloadBytes: payloadBytes) else { return nil }
      queues.append(queue)
    }
    return RequestRings(queues: queues)
  }

  private static var isEnabled: Bool {
    contents(ofFile: "/sys/module/fuse/parameters/enable_uring").first == UInt8(ascii: "Y")
  }

  /// Of processors that this machine can have, as the kernel counts them: `0-3` are four.
  private static var processorCount: Int? {
    let text = contents(ofFile: "/sys/devices/system/cpu/possible")
    let last = String(decoding: text, as: UTF8.self).split { !$0.isWholeNumber }.last
    return last.flatMap { Int($0) }.map { $0 + 1 }
  }
}
