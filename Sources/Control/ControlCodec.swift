import FilesystemModel

/// The control socket's protocol: frames of a 4-byte little-endian length and a message of that many bytes.
///
/// | message byte | field |
/// |---|---|
/// | 0 | protocol version, `ControlCodec.version` |
/// | 1 | kind: below 128 requests, from there on replies |
/// | 2... | the kind's fields: integers as 8 bytes little-endian, strings as length and UTF-8, optionals after one byte 0 or 1 |
///
/// The peer is not trusted: every length is bounded, and nothing it sends makes the decoder trap.
package enum ControlCodec {
  package static let version: UInt8 = 1
  /// The longest message in bytes.
  package static let frameBytesMax = 1 << 20
  /// The longest string in bytes. Longer ones are cut when they are sent, refused when they arrive.
  package static let stringBytesMax = 1 << 16
  /// How many settings one request may change.
  package static let settingsCounts = 1...15
  /// The most dead letters that one request names.
  package static let subjectsMax = 10_000
  /// How many inodes one request names at most.
  package static let inodesMax = 1 << 16

  /// Numbers are never reused; 3 was another form of unmount.
  private enum Kind: UInt8 {
    case statusRequest = 1
    case flush = 2
    case stop = 4
    case ping = 5
    case statisticsRequest = 6
    case set = 7
    case reloadRules = 8
    case unmount = 9
    case wait = 10
    case fileRequest = 11
    case historyRequest = 12
    case activityRequest = 13
    case deadLetters = 16
    case retryDeadLetters = 17
    case discardDeadLetters = 18
    case status = 129
    case progress = 130
    case done = 131
    case failed = 132
    case statistics = 133
    case file = 134
    case history = 135
    case activity = 136
    case waitingForUsers = 137
    case deadLetter = 144
    case dependent = 145
    case count = 146
  }

  /// The frame of a request, its length included.
  package static func encode(_ request: ControlRequest) -> [UInt8] {
    switch request {
    case .status: frame(.statusRequest) { _ in }
    case .flush(let inodes): frame(.flush) { $0.put(inodes) }
    case .wait(let inodes): frame(.wait) { $0.put(inodes) }
    case .file(let inode): frame(.fileRequest) { $0.put(inode) }
    case .unmount(let options): frame(.unmount) { options.encode(to: &$0) }
    case .stop: frame(.stop) { _ in }
    case .ping: frame(.ping) { _ in }
    case .statistics: frame(.statisticsRequest) { _ in }
    case .history: frame(.historyRequest) { _ in }
    case .activity: frame(.activityRequest) { _ in }
    case .set(let settings):
      frame(.set) { fields in
        fields.put(settings.count)
        for setting in settings { fields.put(setting) }
      }
    case .reloadRules: frame(.reloadRules) { _ in }
    case .deadLetters: frame(.deadLetters) { _ in }
    case .retryDeadLetters(let subjects): frame(.retryDeadLetters) { $0.put(subjects) { $0.put($1) } }
    case .discardDeadLetters(let subjects, let withDependents):
      frame(.discardDeadLetters) {
        $0.put(subjects) { $0.put($1) }
        $0.put(UInt8(withDependents ? 1 : 0))
      }
    }
  }

  /// The frame of a reply, its length included.
  package static func encode(_ reply: ControlReply) -> [UInt8] {
    switch reply {
    case .status(let report): frame(.status) { report.encode(to: &$0) }
    case .statistics(let report): frame(.statistics) { report.encode(to: &$0) }
    case .file(let report): frame(.file) { report.encode(to: &$0) }
    case .history(let report): frame(.history) { report.encode(to: &$0) }
    case .activity(let report): frame(.activity) { report.encode(to: &$0) }
    case .waitingForUsers: frame(.waitingForUsers) { _ in }
    case .progress(let progress):
      frame(.progress) {
        $0.put(progress.bytesLeft)
        $0.put(progress.operationsLeft)
      }
    case .done: frame(.done) { _ in }
    case .failed(let failure):
      frame(.failed) {
        $0.put(failure.reason.rawValue)
        $0.put(failure.message)
      }
    case .deadLetter(let report): frame(.deadLetter) { report.encode(to: &$0) }
    case .dependent(let change): frame(.dependent) { change.encode(to: &$0) }
    case .count(let count): frame(.count) { $0.put(count) }
    }
  }

  /// Reads a message of a command, without its length.
  package static func decodeRequest(_ message: [UInt8]) throws(MessageError) -> ControlRequest {
    var (kind, fields) = try open(message)
    let request: ControlRequest
    switch kind {
    case .statusRequest: request = .status
    case .flush: request = .flush(inodes: try fields.inodes())
    case .wait: request = .wait(inodes: try fields.inodes())
    case .fileRequest: request = .file(inode: try fields.unsigned())
    case .historyRequest: request = .history
    case .activityRequest: request = .activity
    case .unmount: request = .unmount(try UnmountOptions(from: &fields))
    case .stop: request = .stop
    case .ping: request = .ping
    case .statisticsRequest: request = .statistics
    case .set:
      let count = try fields.integer()
      guard settingsCounts.contains(count) else { throw .unknownValue }
      var settings: [String] = []
      for _ in 0..<count { settings.append(try fields.text()) }
      request = .set(settings)
    case .reloadRules: request = .reloadRules
    case .deadLetters: request = .deadLetters
    case .retryDeadLetters: request = .retryDeadLetters(try subjects(&fields))
    case .discardDeadLetters:
      let subjects = try subjects(&fields)
      request = .discardDeadLetters(subjects, withDependents: try fields.flag())
    case .status, .statistics, .file, .history, .activity, .waitingForUsers, .progress, .done, .failed, .deadLetter, .dependent,
      .count:
      throw .unknownValue
    }
    try fields.end()
    return request
  }

  /// Reads a message of a daemon, without its length.
  package static func decodeReply(_ message: [UInt8]) throws(MessageError) -> ControlReply {
    var (kind, fields) = try open(message)
    let reply: ControlReply
    switch kind {
    case .status: reply = .status(try StatusReport(from: &fields))
    case .statistics: reply = .statistics(try StatisticsReport(from: &fields))
    case .file: reply = .file(try FileReport(from: &fields))
    case .history: reply = .history(try HistoryReport(from: &fields))
    case .activity: reply = .activity(try ActivityReport(from: &fields))
    case .waitingForUsers: reply = .waitingForUsers
    case .progress:
      let bytesLeft = try fields.integer()
      reply = .progress(ControlProgress(bytesLeft: bytesLeft, operationsLeft: try fields.integer()))
    case .done: reply = .done
    case .failed:
      guard let reason = ControlFailure.Reason(rawValue: try fields.byte()) else { throw .unknownValue }
      reply = .failed(ControlFailure(reason: reason, message: try fields.string()))
    case .deadLetter: reply = .deadLetter(try DeadLetterReport(from: &fields))
    case .dependent: reply = .dependent(try WaitingChangeReport(from: &fields))
    case .count: reply = .count(try fields.integer())
    case .statusRequest, .flush, .wait, .fileRequest, .unmount, .stop, .ping, .statisticsRequest, .historyRequest,
      .activityRequest, .set, .reloadRules, .deadLetters, .retryDeadLetters, .discardDeadLetters:
      throw .unknownValue
    }
    try fields.end()
    return reply
  }

  private static func subjects(_ fields: inout FieldReader) throws(MessageError) -> [WritebackSubject]? {
    try fields.optional { fields throws(MessageError) in try fields.subjects() }
  }

  private static func frame(_ kind: Kind, _ putFields: (inout FieldWriter) -> Void) -> [UInt8] {
    var message = FieldWriter()
    message.put(version)
    message.put(kind.rawValue)
    putFields(&message)
    precondition(message.bytes.count <= frameBytesMax, "a message is longer than its strings allow")
    let length = UInt32(message.bytes.count)
    return (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * UInt32($0))) } + message.bytes
  }

  private static func open(_ message: [UInt8]) throws(MessageError) -> (Kind, FieldReader) {
    guard message.count <= frameBytesMax else { throw .tooLong }
    var fields = FieldReader(message)
    let peerVersion = try fields.byte()
    guard peerVersion == version else { throw .unknownVersion(peerVersion) }
    guard let kind = Kind(rawValue: try fields.byte()) else { throw .unknownValue }
    return (kind, fields)
  }
}

/// Cuts what arrives on a socket into messages. Holds at most one frame and what came with it.
package struct FrameReader: Sendable {
  private var pending: [UInt8] = []

  package init() {}

  package mutating func append(_ bytes: some Sequence<UInt8>) { pending += bytes }

  /// The next whole message without its length, or `nil` until more bytes arrive. Throws `tooLong`, after which the connection is
  /// of no more use.
  package mutating func next() throws(MessageError) -> [UInt8]? {
    guard pending.count >= 4 else { return nil }
    let length = (0..<4).reduce(0) { $0 | Int(pending[$1]) << (8 * $1) }
    guard length <= ControlCodec.frameBytesMax else { throw .tooLong }
    guard pending.count - 4 >= length else { return nil }
    defer { pending.removeFirst(4 + length) }
    return Array(pending[4..<4 + length])
  }
}
