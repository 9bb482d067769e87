import Control
import FilesystemModel
import JournalFormat
import WriteAheadLog

/// Records as JSON objects on one line. The members' names are part of the interface: they are added to and never change
/// (Mount/README.md has the table). Names and paths are `EscapedText`; a path that is not known is `null`.
struct RecordJSON {
  private let names: NameBook

  init(_ names: NameBook) { self.names = names }

  func line(_ record: StreamedRecord) -> String {
    let logged = record.logged
    return JSONValue.object(
      [
        .init("lsn", .unsigned(logged.lsn.rawValue)), .init("epoch", .unsigned(logged.epoch)),
        .init("durable_lsn", .unsigned(record.durable.rawValue)), .init("segment", .unsigned(record.segment)),
        .init("offset", .integer(record.offset)), .init("bytes", .integer(record.length)),
      ] + members(logged.record)
    ).line
  }

  static func line(_ gap: JournalGap) -> String {
    JSONValue.object([
      .init("type", .string("gap")), .init("first_lsn", .unsigned(gap.first.rawValue)),
      .init("last_lsn", .unsigned(gap.next.previous.rawValue)), .init("segment", .unsigned(gap.segment)),
      .init("offset", .integer(gap.offset)),
    ]).line
  }

  private func members(_ record: Record) -> [JSONValue.Member] {
    switch record {
    case .namespace(let change, let time, let request):
      [type("namespace"), .init("time", Self.time(time)), .init("request", .unsigned(request))] + members(change)
    case .content(let change, _, let time, let request):
      [type("content"), .init("time", Self.time(time)), .init("request", .unsigned(request))] + members(change)
    case .binding(let binding): [type("binding")] + members(binding)
    case .intent(let actions): [type("intent"), .init("actions", .array(actions.map { .object(members($0)) }))]
    case .outcome(let outcome): [type("outcome")] + members(outcome)
    case .checkpointBegin(let lowWater, let nextInode):
      [
        type("checkpoint_begin"), .init("low_water_lsn", .unsigned(lowWater.rawValue)),
        .init("next_inode", .unsigned(nextInode.rawValue)),
      ]
    case .checkpointTable(let rows): [type("checkpoint_table"), .init("bindings", .array(rows.map { .object(members($0)) }))]
    case .checkpointEnd(let begin): [type("checkpoint_end"), .init("begin_lsn", .unsigned(begin.rawValue))]
    case .copy(let original, let record):
      [type("copy"), .init("of_lsn", .unsigned(original.rawValue)), .init("record", .object(members(record)))]
    case .deadLetter(let letter):
      [
        type("dead_letter"), .init("errno", .integer(Int(letter.errno.rawValue))), .init("attempts", .integer(letter.attempts)),
        .init("first", Self.time(letter.first)), .init("last", Self.time(letter.last)),
        .init("action", .object(members(letter.action))),
      ]
    case .deadLetterRetry(.names(let key)): [type("dead_letter_retry"), .init("stage", Self.stage(key))]
    case .deadLetterRetry(.contents(let number)): [type("dead_letter_retry"), inode(number)]
    case .discard(let discard): [type("discard")] + members(discard)
    }
  }

  private func type(_ name: String) -> JSONValue.Member { .init("type", .string(name)) }

  // MARK: Changes

  private func members(_ change: NamespaceChange) -> [JSONValue.Member] {
    switch change {
    case .create(let new, let location):
      return [operation("create"), inode(new.number)] + place(location) + [.init("kind", Self.kind(new.attributes.kind))]
        + [
          .init("mode", Self.mode(new.attributes.permissions)), .init("uid", .integer(Int(new.attributes.owner))),
          .init("gid", .integer(Int(new.attributes.group))),
          .init("target", new.attributes.kind == .symlink ? Self.text(new.target) : .null),
        ]
    case .link(let number, let location): return [operation("link"), inode(number)] + place(location)
    case .remove(let number, let location): return [operation("remove"), inode(number)] + place(location)
    case .rename(let number, let source, let target, let replaced):
      return [operation("rename"), inode(number)] + place(source) + place(target, "to_")
        + [.init("replaced_inode", .optional(replaced) { .unsigned($0.rawValue) })]
    case .exchange(let number, let location, let other, let otherLocation):
      return [operation("exchange"), inode(number)] + place(location)
        + [.init("other_inode", .unsigned(other.rawValue))] + place(otherLocation, "other_")
    }
  }

  private func members(_ change: ContentChange) -> [JSONValue.Member] {
    var members = [operation("attributes"), inode(change.inode), .init("path", path(names.path(of: change.inode)))]
    switch change.data {
    case .write(let offset, let count)?: members = data(change, "write", offset, count) + members.dropFirst()
    case .zero(let range)?: members = data(change, "zero", range.lowerBound, range.count) + members.dropFirst()
    case .resize(let size)?: members = data(change, "resize", size, 0) + members.dropFirst()
    case nil: break
    }
    let attributes = change.attributes
    members += [
      .init("mode", .optional(attributes.permissions, Self.mode)),
      .init("uid", .optional(attributes.owner) { .integer(Int($0)) }),
      .init("gid", .optional(attributes.group) { .integer(Int($0)) }), .init("atime", .optional(attributes.accessed, Self.time)),
      .init("mtime", .optional(attributes.modified, Self.time)), .init("ctime", .optional(attributes.changed, Self.time)),
    ]
    let changes = change.extendedAttributes.map { attribute in
      JSONValue.object([
        .init("name", Self.text(attribute.name)), .init("bytes", .optional(attribute.value) { .integer($0.count) }),
      ])
    }
    return members + [.init("xattrs", .array(changes))]
  }

  private func data(_ change: ContentChange, _ name: String, _ offset: Int, _ count: Int) -> [JSONValue.Member] {
    [
      operation(name), .init("data_offset", .integer(offset)), .init("data_bytes", .integer(count)),
      .init("size", .integer(change.sizeAfter)),
    ]
  }

  // MARK: Write-back

  private func members(_ binding: Binding) -> [JSONValue.Member] {
    [
      inode(binding.inode), .init("kind", Self.kind(binding.kind)),
      .init("backing_names", .array(binding.locations.map { .object(place($0)) })),
      .init("backing_inode", .optional(binding.identity) { .unsigned($0.inode) }),
    ]
  }

  private func members(_ action: PhysicalAction) -> [JSONValue.Member] {
    [
      .init("action", .string(Self.name(action.kind))), inode(action.inode), .init("kind", Self.kind(action.fileKind)),
      .init("from_path", path(action.source.flatMap { names.path(of: $0) })),
      .init("to_path", path(action.target.flatMap { names.path(of: $0) })),
      .init("replaced_inode", .optional(action.replaced) { .unsigned($0.rawValue) }),
      .init("completes", .array(action.completes.map(Self.stage))),
      .init("contents_through_lsn", .optional(action.contentsThrough) { .unsigned($0.rawValue) }),
    ]
  }

  private func members(_ outcome: PlanOutcome) -> [JSONValue.Member] {
    let contents = outcome.contents.map { completion in
      JSONValue.object([inode(completion.inode), .init("through_lsn", .unsigned(completion.through.rawValue))])
    }
    return [
      .init("intent_lsn", outcome.plan == .zero ? .null : .unsigned(outcome.plan.rawValue)),
      .init("completed_actions", .array(outcome.completedActions.map { .integer($0) })),
      .init("aborted_actions", .array(outcome.abortedActions.map { .integer($0) })),
      .init("completes", .array(outcome.completes.map(Self.stage))), .init("contents", .array(contents)),
      .init("bindings", .array(outcome.bindings.map { .object(members($0)) })),
    ]
  }

  // MARK: Values

  private func members(_ discard: Discard) -> [JSONValue.Member] {
    [
      .init("completes", .array(discard.completes.map(Self.stage))),
      .init(
        "contents",
        .array(
          discard.contents.map { .object([inode($0.inode), .init("through_lsn", .unsigned($0.through.rawValue))]) })),
      .init(
        "names",
        .array(
          discard.names.map { name in
            .object(place(name.location) + [.init("inode", .optional(name.inode) { .unsigned($0.rawValue) })])
          })),
    ]
  }

  private func operation(_ name: String) -> JSONValue.Member { .init("operation", .string(name)) }

  private func inode(_ number: InodeNumber) -> JSONValue.Member { .init("inode", .unsigned(number.rawValue)) }

  private func place(_ location: Location?, _ prefix: String = "") -> [JSONValue.Member] {
    [
      .init(prefix + "parent_inode", .optional(location) { .unsigned($0.parent.rawValue) }),
      .init(prefix + "name", .optional(location) { Self.text($0.name.bytes) }),
      .init(prefix + "path", path(location.flatMap { names.path(of: $0) })),
    ]
  }

  private func path(_ names: [EntryName]?) -> JSONValue { .optional(names) { Self.text($0.pathBytes) } }

  private static func text(_ bytes: [UInt8]) -> JSONValue { .string(EscapedText.encode(bytes)) }

  private static func mode(_ permissions: UInt16) -> JSONValue { .string("0" + String(permissions, radix: 8)) }

  /// Seconds since 1970 with nine digits behind the point: as text, since a number would lose some.
  private static func time(_ time: Timestamp) -> JSONValue {
    let digits = String(time.nanoseconds)
    return .string("\(time.seconds).\(String(repeating: "0", count: 9 - digits.count))\(digits)")
  }

  /// An exchange is completed in the stages 1 and 2, and then as a whole, 0.
  private static func stage(_ stage: Stage) -> JSONValue {
    .object([.init("lsn", .unsigned(stage.lsn.rawValue)), .init("stage", .integer(Int(stage.stage)))])
  }

  private static func kind(_ kind: FileKind) -> JSONValue {
    switch kind {
    case .regular: .string("file")
    case .directory: .string("directory")
    case .symlink: .string("symlink")
    case .fifo: .string("fifo")
    case .socket: .string("socket")
    case .characterDevice: .string("character_device")
    case .blockDevice: .string("block_device")
    }
  }

  private static func name(_ kind: PhysicalAction.Kind) -> String {
    switch kind {
    case .create: "create"
    case .link: "link"
    case .removeFile: "remove_file"
    case .removeDirectory: "remove_directory"
    case .rename: "rename"
    case .writeContents: "write_contents"
    }
  }
}
