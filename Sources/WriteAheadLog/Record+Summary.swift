import FilesystemModel
import JournalFormat

/// Bytes for a terminal: what is not printable ASCII is escaped.
func printable(_ bytes: some Sequence<UInt8>) -> String {
  var text = "\""
  for byte in bytes {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\" + String(UnicodeScalar(byte))
    case 0x20..<0x7f: text += String(UnicodeScalar(byte))
    default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
  return text + "\""
}

extension Record {
  /// The record in one line: all fields but contents of files and values of extended attributes.
  package var summary: String {
    switch self {
    case .namespace(let change, let time, let request):
      "namespace \(change.summary) time \(time.summary) request \(request)"
    case .content(let change, _, let time, let request):
      "content \(change.summary) time \(time.summary) request \(request)"
    case .binding(let binding): "binding \(binding.summary)"
    case .intent(let actions): "intent [\(actions.map(\.summary).joined(separator: "; "))]"
    case .outcome(let outcome): "outcome \(outcome.summary)"
    case .checkpointBegin(let lowWater, let nextInode):
      "checkpoint begins low-water \(lowWater.rawValue) next inode \(nextInode.rawValue)"
    case .checkpointTable(let rows): "checkpoint table \(rows.count) rows [\(rows.map(\.summary).joined(separator: "; "))]"
    case .checkpointEnd(let begin): "checkpoint ends that began at \(begin.rawValue)"
    case .copy(let original, let record): "copy of \(original.rawValue): \(record.summary)"
    case .deadLetter(let letter): "dead letter \(letter.summary)"
    case .deadLetterRetry(let subject): "dead letter taken up again: \(subject.summary)"
    case .discard(let discard): "discard \(discard.summary)"
    }
  }
}

extension Timestamp {
  fileprivate var summary: String {
    let digits = String(nanoseconds)
    return "\(seconds).\(String(repeating: "0", count: max(0, 9 - digits.count)))\(digits)"
  }
}

extension Location {
  fileprivate var summary: String { "\(parent.rawValue)/\(printable(name.bytes))" }
}

extension Stage {
  fileprivate var summary: String { stage == 0 ? "\(lsn.rawValue)" : "\(lsn.rawValue).\(stage)" }
}

extension NamespaceChange {
  fileprivate var summary: String {
    switch self {
    case .create(let inode, let location):
      "create \(inode.attributes.kind) \(inode.number.rawValue) at \(location?.summary ?? "no name")"
        + " mode \(String(inode.attributes.permissions, radix: 8)) owner \(inode.attributes.owner):\(inode.attributes.group)"
        + (inode.target.isEmpty ? "" : " target \(printable(inode.target))")
        + inode.extendedAttributes.map { " \(printable($0.name))=\($0.value.count) bytes" }.joined()
    case .link(let inode, let location): "link \(inode.rawValue) at \(location.summary)"
    case .remove(let inode, let location): "remove \(inode.rawValue) from \(location.summary)"
    case .rename(let inode, let source, let target, let replaced):
      "rename \(inode.rawValue) from \(source.summary) to \(target.summary)"
        + (replaced.map { " replacing \($0.rawValue)" } ?? "")
    case .exchange(let inode, let location, let other, let otherLocation):
      "exchange \(inode.rawValue) at \(location.summary) with \(other.rawValue) at \(otherLocation.summary)"
    }
  }
}

extension ContentChange {
  fileprivate var summary: String {
    var parts = ["inode \(inode.rawValue)"]
    switch data {
    case .write(let offset, let count)?: parts.append("write \(count) bytes at \(offset) size \(sizeAfter)")
    case .resize(let size)?: parts.append("resize to \(size) size \(sizeAfter)")
    case .zero(let range)?: parts.append("zero \(range.lowerBound) to \(range.upperBound) size \(sizeAfter)")
    case nil: break
    }
    if let permissions = attributes.permissions { parts.append("mode \(String(permissions, radix: 8))") }
    if let owner = attributes.owner { parts.append("owner \(owner)") }
    if let group = attributes.group { parts.append("group \(group)") }
    if let accessed = attributes.accessed { parts.append("atime \(accessed.summary)") }
    if let modified = attributes.modified { parts.append("mtime \(modified.summary)") }
    if let changed = attributes.changed { parts.append("ctime \(changed.summary)") }
    for attribute in extendedAttributes {
      parts.append("\(printable(attribute.name))" + (attribute.value.map { "=\($0.count) bytes" } ?? " removed"))
    }
    return parts.joined(separator: " ")
  }
}

extension Binding {
  fileprivate var summary: String {
    "\(kind) \(inode.rawValue) at \(locations.isEmpty ? "no name" : locations.map(\.summary).joined(separator: ", "))"
      + (identity?.summary ?? "")
  }
}

extension BackingIdentity {
  fileprivate var summary: String {
    " backing inode \(inode) links \(linkCount)" + (isOnRootDevice ? "" : " on another device")
  }
}

extension PhysicalAction {
  fileprivate var summary: String {
    "\(kind) \(fileKind) \(inode.rawValue)" + (source.map { " from \($0.summary)" } ?? "")
      + (target.map { " to \($0.summary)" } ?? "") + (replaced.map { " replacing \($0.rawValue)" } ?? "")
      + (completes.isEmpty ? "" : " completes \(completes.map(\.summary).joined(separator: ","))")
      + (contentsThrough.map { " contents through \($0.rawValue)" } ?? "")
  }
}

extension WritebackSubject {
  fileprivate var summary: String {
    switch self {
    case .names(let key): "names \(key.summary)"
    case .contents(let inode): "contents of \(inode.rawValue)"
    }
  }
}

extension DeadLetter {
  fileprivate var summary: String {
    "[\(action.summary)] error \(errno.rawValue) attempts \(attempts) first \(first.summary) last \(last.summary)"
  }
}

extension Discard {
  fileprivate var summary: String {
    "completes [\(completes.map(\.summary).joined(separator: ","))]"
      + " contents [\(contents.map { "\($0.inode.rawValue) through \($0.through.rawValue)" }.joined(separator: ","))]"
      + " names [\(names.map(\.summary).joined(separator: "; "))]"
  }
}

extension Discard.Name {
  fileprivate var summary: String { "\(location.summary) is \(inode.map { "\($0.rawValue)" } ?? "free")" }
}

extension PlanOutcome {
  fileprivate var summary: String {
    "plan \(plan.rawValue) completed \(completedActions) aborted \(abortedActions)"
      + " completes [\(completes.map(\.summary).joined(separator: ","))]"
      + " contents [\(contents.map { "\($0.inode.rawValue) through \($0.through.rawValue)" }.joined(separator: ","))]"
      + " bindings [\(bindings.map(\.summary).joined(separator: "; "))]"
  }
}
