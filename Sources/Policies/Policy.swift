/// When a change is acknowledged and what is cached of it (DESIGN.md section 8).
package enum WriteMode: String, Hashable, Sendable, CaseIterable {
  /// When it is in the journal; it is written back later.
  case writeBack = "write-back"
  /// When it is in the backing directory, synced there.
  case writeThrough = "write-through"
  /// Names and attributes as in `writeThrough`; data when it is written to the backing file, which bypasses journal and cache.
  case writeAround = "write-around"
  /// Another name of `writeAround`: there, too, reads fill the kernel's cache, and writes take what they change out of it.
  case cacheAside = "cache-aside"

  /// Whether data goes to the backing file and nowhere else.
  package var goesAround: Bool { self == .writeAround || self == .cacheAside }

  /// Whether a change that is journaled is acknowledged only once it is in the backing directory.
  package var waitsForBacking: Bool { self != .writeBack }
}

/// Which of several changes that are due is written back first.
package enum Priority: String, Hashable, Sendable, CaseIterable {
  case high
  case normal
  case low
}

/// How far a change must have come in the journal to be acknowledged: the three classic policies of write-ahead logs
/// (DESIGN.md section 1).
package enum Durability: Hashable, Sendable {
  /// Its record is synced.
  case always
  /// Its record is in the journal file; a sync begins at most this many milliseconds later, with an `Engine.tick`.
  case batch(milliseconds: Int)
  /// Its record is in the journal file; synced only by fsync and its like.
  case system

  package static let batchDefault = Durability.batch(milliseconds: 100)
  package static let batchMillisecondsRange = 1...60_000

  /// As the option is written.
  package var text: String {
    switch self {
    case .always: "always"
    case .batch(let milliseconds): "batch=\(milliseconds)"
    case .system: "os"
    }
  }

  /// The shorter the time in which a change may be lost by a power cut, the lower.
  private var rank: Int {
    switch self {
    case .always: 0
    case .batch(let milliseconds): milliseconds
    case .system: .max
    }
  }

  /// Whether less can be lost than under the other.
  package func isStricter(than other: Durability) -> Bool { rank < other.rank }
}

/// How the changes of one file are treated.
package struct Policy: Hashable, Sendable {
  package var mode = WriteMode.writeBack
  package var priority = Priority.normal
  package var durability = Durability.batchDefault

  package init() {}

  /// What both promise, for a change of two files.
  package func joined(with other: Policy) -> Policy {
    var result = self
    if !mode.waitsForBacking { result.mode = other.mode }
    if other.durability.isStricter(than: durability) { result.durability = other.durability }
    return result
  }
}

/// What a rule, or the extended attributes of one file, say of a policy; `nil` where they say nothing.
package struct PolicySettings: Hashable, Sendable {
  package var mode: WriteMode?
  package var priority: Priority?
  package var durability: Durability?

  package init(mode: WriteMode? = nil, priority: Priority? = nil, durability: Durability? = nil) {
    self.mode = mode
    self.priority = priority
    self.durability = durability
  }

  package var isEmpty: Bool { self == PolicySettings() }
  package var isComplete: Bool { mode != nil && priority != nil && durability != nil }

  /// Takes from another what is not said here.
  package mutating func complete(with other: PolicySettings) {
    mode = mode ?? other.mode
    priority = priority ?? other.priority
    durability = durability ?? other.durability
  }

  /// The policy where these settings hold, with the rest of another.
  package func applied(to base: Policy) -> Policy {
    var result = base
    result.mode = mode ?? base.mode
    result.priority = priority ?? base.priority
    result.durability = durability ?? base.durability
    return result
  }
}

/// One of the things that a policy settles, as options, rules and extended attributes name it.
package enum PolicyKey: String, Hashable, Sendable, CaseIterable {
  case mode
  case priority
  case durability

  /// The extended attribute that says it of a file, and of all below a directory.
  package var attributeName: [UInt8] { Self.attributePrefix + Array(rawValue.utf8) }

  private static let attributePrefix = Array("user.ebbfs.".utf8)

  /// The key whose extended attribute has this name; `nil` for all other names.
  package init?(attributeName name: [UInt8]) {
    guard name.starts(with: Self.attributePrefix) else { return nil }
    self.init(rawValue: String(decoding: name.dropFirst(Self.attributePrefix.count), as: UTF8.self))
  }
}

extension PolicySettings {
  /// Whether the key is settled here.
  package func says(_ key: PolicyKey) -> Bool {
    switch key {
    case .mode: mode != nil
    case .priority: priority != nil
    case .durability: durability != nil
    }
  }

  /// Settles a key by the text of its value.
  package mutating func set(_ key: PolicyKey, to text: String) throws(ValueError) {
    switch key {
    case .mode: mode = try OptionValues.word(text)
    case .priority: priority = try OptionValues.word(text)
    case .durability: durability = try OptionValues.durability(text)
    }
  }

  /// Settles what an extended attribute says; other names and bad values say nothing.
  package mutating func take(attribute name: [UInt8], _ value: [UInt8]) {
    guard let key = PolicyKey(attributeName: name), let text = String(validating: value, as: UTF8.self) else { return }
    try? set(key, to: text)
  }
}

extension OptionValues {
  /// One of the words of an enumeration.
  package static func word<Value: CaseIterable & RawRepresentable>(_ text: String) throws(ValueError) -> Value
  where Value.RawValue == String {
    let values = Array(Value.allCases)
    return values[try choice(text, values.map(\.rawValue))]
  }
}
