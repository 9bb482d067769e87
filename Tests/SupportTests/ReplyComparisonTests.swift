import FilesystemModel
import Support
import Testing

@Suite struct ReplyComparisonTests {
  private let attributes = Attributes(
    kind: .regular, permissions: 0o644, owner: 0, group: 0, size: 3, accessed: Timestamp(seconds: 1),
    modified: Timestamp(seconds: 2), changed: Timestamp(seconds: 3))
  private let filesystem = ReferenceFilesystem(clock: SimulatedClock())
  private var comparison = ReplyComparison()

  private func entry(_ inode: UInt64, _ attributes: Attributes) -> Result<Reply, Errno> {
    .success(.entry(Entry(inode: InodeNumber(inode), generation: 0, attributes: attributes)))
  }

  private mutating func difference(_ actual: Result<Reply, Errno>, _ expected: Result<Reply, Errno>) -> String? {
    comparison.difference(actual, expected, to: .lookup(parent: .root, name: "a"), in: filesystem)
  }

  @Test mutating func numbersMayDifferButNotChange() {
    #expect(difference(entry(50, attributes), entry(2, attributes)) == nil)
    #expect(difference(entry(50, attributes), entry(2, attributes)) == nil)
    #expect(comparison.reference(of: InodeNumber(50)) == InodeNumber(2))
    #expect(difference(entry(50, attributes), entry(3, attributes)) != nil)
    #expect(difference(entry(51, attributes), entry(2, attributes)) != nil)
  }

  @Test mutating func attributesThatPromisesCoverAreCompared() {
    var other = attributes
    other.changed = Timestamp(seconds: 9)
    other.accessed = Timestamp(seconds: 9)
    other.blocks512 = 9
    #expect(difference(entry(50, attributes), entry(2, other)) == nil)
    for change in [\Attributes.size, \Attributes.blocks512] as [WritableKeyPath<Attributes, Int>] {
      var changed = attributes
      changed[keyPath: change] += 1
      #expect((difference(entry(50, attributes), entry(2, changed)) == nil) == (change == \Attributes.blocks512))
    }
    other.modified = Timestamp(seconds: 9)
    #expect(difference(entry(50, attributes), entry(2, other)) != nil)
    comparison = ReplyComparison(comparingTimes: false)
    #expect(difference(entry(50, attributes), entry(2, other)) == nil)
  }

  @Test mutating func errnosAreCompared() {
    #expect(difference(.failure(.noEntry), .failure(.noEntry)) == nil)
    #expect(difference(.failure(.exists), .failure(.noEntry)) == "errno 17 instead of 2")
    #expect(difference(.success(.done), .failure(.noEntry)) == "success instead of errno 2")
    #expect(difference(.failure(.noEntry), .success(.done)) == "errno 2 instead of success")
  }

  @Test mutating func everyAnswerAboutHolesThatPosixAllowsIsAccepted() throws {
    var filesystem = filesystem
    #expect(WorkloadOperation.create("a", permissions: 0o600).run(on: &filesystem).answer != .failure(.exists))
    for operation in [.truncate("a", size: 5000), .write("a", offset: 1024, count: 1, fill: 1)] as [WorkloadOperation] {
      operation.run(on: &filesystem)
    }
    let outcome = WorkloadOperation.seek("a", offset: 100, .data).run(on: &filesystem)
    guard case .seek(let inode, _, _)? = outcome.operation else { throw Errno.inputOutput }
    func isAccepted(_ answer: Result<Reply, Errno>, _ offset: Int, _ target: SeekTarget) -> Bool {
      comparison.difference(answer, outcome.answer, to: .seek(inode, offset: offset, target), in: filesystem) == nil
    }
    #expect(isAccepted(.success(.offset(1024)), 100, .data) && isAccepted(.success(.offset(100)), 100, .data))
    #expect(!isAccepted(.success(.offset(1025)), 100, .data) && !isAccepted(.failure(.noDeviceOrAddress), 100, .data))
    #expect(isAccepted(.failure(.noDeviceOrAddress), 1025, .data))
    #expect(isAccepted(.success(.offset(5000)), 0, .hole) && isAccepted(.success(.offset(0)), 0, .hole))
    #expect(!isAccepted(.success(.offset(1024)), 1024, .hole) && !isAccepted(.success(.offset(99)), 100, .hole))
    #expect(isAccepted(.failure(.noDeviceOrAddress), 5000, .hole) && !isAccepted(.success(.offset(5000)), 5000, .hole))
  }
}
