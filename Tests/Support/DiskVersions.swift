/// Numbers for what a disk holds: equal numbers of one disk, at different moments, stand for equal contents.
package struct DiskVersions: Hashable, Sendable {
  /// What the running machine sees.
  package private(set) var live = 0
  /// What is safe from a power cut.
  package private(set) var durable = 0
  private var last = 0

  /// Something is written.
  mutating func change() {
    last += 1
    live = last
  }

  /// Something is written that is durable at once.
  mutating func changeBoth() {
    last += 2
    live = last
    durable = last - 1
  }

  /// Something becomes durable, perhaps the last thing that was not.
  mutating func save(all: Bool) {
    last += 1
    durable = all ? live : last
  }
}
