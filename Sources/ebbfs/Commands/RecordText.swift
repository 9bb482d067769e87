import FilesystemModel
import JournalFormat
import WriteAheadLog

/// Records of the journal in words, one line each: `LSN epoch what`.
enum RecordText {
  static func line(_ logged: LoggedRecord) -> String {
    "\(logged.lsn.rawValue) epoch \(logged.epoch) \(words(logged.record))"
  }

  private static func words(_ record: Record) -> String {
    switch record {
    case .namespace(let change, let time, _): "\(words(change)) at \(time.seconds)"
    case .content(let change, _, let time, _): "contents \(words(change)) at \(time.seconds)"
    case .binding(let binding): "bind \(words(binding))"
    case .intent(let actions): "intent " + actions.map(words).joined(separator: "; ")
    case .outcome(let outcome): "done \(words(outcome))"
    case .checkpointBegin(let lowWater, let nextInode):
      "checkpoint begins, low-water \(lowWater.rawValue), next inode \(nextInode.rawValue)"
    case .checkpointTable(let table): "checkpoint table of \(table.count)"
    case .checkpointEnd(let begin): "checkpoint of \(begin.rawValue) ends"
    }
  }

  private static func words(_ change: NamespaceChange) -> String {
    switch change {
    case .create(let inode, let location):
      "create \(inode.attributes.kind) inode \(inode.number.rawValue) at \(location.map(words) ?? "no name")"
    case .link(let inode, let location): "link inode \(inode.rawValue) at \(words(location))"
    case .remove(let inode, let location): "remove inode \(inode.rawValue) from \(words(location))"
    case .rename(let inode, let source, let target, let replaced):
      "rename inode \(inode.rawValue) from \(words(source)) to \(words(target))"
        + (replaced.map { " replacing inode \($0.rawValue)" } ?? "")
    case .exchange(let inode, let location, let other, let otherLocation):
      "exchange inode \(inode.rawValue) at \(words(location)) with inode \(other.rawValue) at \(words(otherLocation))"
    }
  }

  private static func words(_ change: ContentChange) -> String {
    var parts = ["inode \(change.inode.rawValue)"]
    switch change.data {
    case .write(let offset, let count): parts.append("write \(count) bytes at \(offset)")
    case .resize(let size): parts.append("resize to \(size)")
    case .zero(let range): parts.append("zero \(range.count) bytes at \(range.lowerBound)")
    case nil: break
    }
    if !change.attributes.isEmpty { parts.append("attributes") }
    parts += change.extendedAttributes.map { "\($0.value == nil ? "remove" : "set") \(printable($0.name))" }
    return parts.joined(separator: ", ")
  }

  private static func words(_ binding: Binding) -> String {
    let places = binding.locations.map(words).joined(separator: ", ")
    return "\(binding.kind) inode \(binding.inode.rawValue) at \(places.isEmpty ? "no name" : places)"
  }

  private static func words(_ action: PhysicalAction) -> String {
    let places = [action.source, action.target].compactMap { $0.map(words) }.joined(separator: " to ")
    return "\(action.kind) inode \(action.inode.rawValue)\(places.isEmpty ? "" : " \(places)")"
      + (action.contentsThrough.map { " through \($0.rawValue)" } ?? "")
  }

  private static func words(_ outcome: PlanOutcome) -> String {
    let records =
      outcome.completes.map { String($0.lsn.rawValue) }
      + outcome.contents.map { "inode \($0.inode.rawValue) through \($0.through.rawValue)" }
    return "plan \(outcome.plan.rawValue), completed actions \(outcome.completedActions), given back \(outcome.abortedActions), "
      + "completes \(records.isEmpty ? "nothing" : records.joined(separator: ", "))"
  }

  private static func words(_ location: Location) -> String { "\(location.parent.rawValue)/\(printable(location.name.bytes))" }

  /// A name on one line: what is not printable ASCII is escaped.
  private static func printable(_ name: [UInt8]) -> String {
    name.map { byte in
      guard !(0x21...0x7e).contains(byte) || byte == UInt8(ascii: "\\") else { return String(UnicodeScalar(byte)) }
      return "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}
