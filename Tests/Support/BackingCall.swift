import FilesystemModel
import StorageInterface

/// One call that was made to a `SimulatedBackingStorage`, or to one of its open files.
package struct BackingCall: Hashable, Sendable, CustomStringConvertible {
  package enum Name: String, Hashable, Sendable, CaseIterable {
    case list, status, details, statistics, open, createFile, make, link, removeFile, removeDirectory, rename
    case setAttributes, setExtendedAttribute, synchronizeDirectory, synchronize, synchronizeFilesystem
    case read, write, resize, zero, setFileAttributes, setFileExtendedAttribute, fileStatus, seek, synchronizeFile

    /// Whether such calls never change what is on the disk.
    package var isReading: Bool {
      switch self {
      case .list, .details, .status, .statistics, .open, .read, .seek, .fileStatus: true
      default: false
      }
    }
  }

  /// Counts from 0 since the storage was made.
  package var index: Int
  package var name: Name
  /// Of an open file: the path under which it was opened.
  package var path: BackingPath
  /// Of `link` and `rename`.
  package var target: BackingPath?

  package var description: String { "\(name) \(path.text)" + (target.map { " -> \($0.text)" } ?? "") }

  package var isSynchronization: Bool {
    switch name {
    case .synchronize, .synchronizeDirectory, .synchronizeFilesystem, .synchronizeFile: true
    default: false
    }
  }
}

extension BackingPath {
  /// `a/b/c`, `.` for the root.
  package var text: String { components.isEmpty ? "." : components.map(\.description).joined(separator: "/") }

  /// The path of a text like `a/b/c`; empty or `.` is the root.
  package init(_ text: String) {
    self.init(text.split(separator: "/").filter { $0 != "." }.map { EntryName(unchecked: Array($0.utf8)) })
  }
}

extension BackingPath: ExpressibleByStringLiteral {
  package init(stringLiteral text: StaticString) { self.init("\(text)") }
}

/// A failure that a test orders.
package struct BackingFault: Sendable {
  package enum Effect: Sendable {
    /// The call fails and changes nothing.
    case none
    /// The call takes effect, only its answer says that it failed.
    case happens
    /// A synchronization fails and marks the written bytes clean without having them on disk, as Linux does: the next one
    /// succeeds.
    case dropsDirtyBytes
  }

  package var errno: Errno
  package var effect: Effect
  /// How many matching calls fail; `nil` for all to come.
  package var times: Int?
  package var matches: @Sendable (BackingCall) -> Bool

  package init(
    _ errno: Errno, effect: Effect = .none, times: Int? = nil, where matches: @escaping @Sendable (BackingCall) -> Bool
  ) {
    self.errno = errno
    self.effect = effect
    self.times = times
    self.matches = matches
  }
}

/// Counts, log and failures of a simulated storage's calls.
struct BackingCallBook: Sendable {
  enum Verdict {
    case carryOut
    case fail(Errno, BackingFault.Effect)
  }

  /// What `checkRoot` says.
  var rootFailure: Errno?
  /// Extended attributes that nobody may read.
  var unreadableAttributes: Set<[UInt8]> = []
  private(set) var nextIndex = 0
  private(set) var counts: [BackingCall.Name: Int] = [:]
  private(set) var log: [BackingCall] = []
  var keepsLog = false
  var faults: [BackingFault] = []
  var diesAt: Int?
  var interlude: (@Sendable (BackingCall.Name) -> Void)?
  var observer: (@Sendable (SimulatedBackingStorage) -> Void)?

  /// Enters a call and decides what becomes of it.
  mutating func enter(_ name: BackingCall.Name, _ path: BackingPath, _ target: BackingPath?) -> Verdict {
    let call = BackingCall(index: nextIndex, name: name, path: path, target: target)
    nextIndex += 1
    counts[name, default: 0] += 1
    if keepsLog { log.append(call) }
    if let diesAt, call.index >= diesAt { return .fail(.inputOutput, .none) }
    guard let place = faults.firstIndex(where: { $0.matches(call) }) else { return .carryOut }
    let fault = faults[place]
    if let times = fault.times {
      if times == 1 { faults.remove(at: place) } else { faults[place].times = times - 1 }
    }
    return .fail(fault.errno, fault.effect)
  }

  mutating func clearCounts() {
    counts = [:]
    log = []
  }
}
