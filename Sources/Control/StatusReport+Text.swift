import FilesystemModel

extension StatusReport {
  /// How many losses are shown to people.
  private static let lossesMax = 20

  /// Lines for people, each ended. What a field holds does not break them.
  package var text: String {
    let age = oldestAgeMilliseconds.map { ", oldest \(Quantity.time(milliseconds: $0))" } ?? ""
    let used = Quantity.percent(journalUsedBytes, of: journalCapacityBytes).map { " (\($0)%)" } ?? ""
    var rows = [
      ("mountpoint", mountpoint),
      ("backing", backing),
      ("state", stateDirectory),
      (
        "daemon", "process \(processID), \(phase.name), up \(Quantity.time(milliseconds: uptimeMilliseconds)), version \(version)"
      ),
      ("confinement", confinement),
      ("requests", "through \(transport)"),
      ("health", health.text),
      ("mode", "\(mode), durability \(durability)" + (rules.map { ", \($0)" } ?? "")),
      (
        "pending",
        isClean
          ? "nothing, everything is written back"
          : "\(Quantity.size(dirtyBytes)) in \(Quantity.count(dirtyInodes, "file")), "
            + "\(Quantity.count(pendingOperations, "operation")), \(Quantity.count(openPlans, "open plan"))\(age)"
      ),
      ("journal", "\(Quantity.size(journalUsedBytes)) of \(Quantity.size(journalCapacityBytes)) used\(used)"),
      ("lsn", "last \(lastLSN), durable \(durableLSN), low-water \(lowWaterLSN)"),
    ]
    if deadLetters > 0 {
      rows.append(("dead letters", "\(Quantity.count(deadLetters, "change")) refused; see ebbfs dead-letters \(mountpoint) list"))
    }
    if retainedSegments > 0 {
      rows.append(("retained", "\(Quantity.size(retainedBytes)) in \(Quantity.count(retainedSegments, "segment"))"))
    }
    if let journalFailure { rows.append(("journal failure", "\(journalFailure); no more changes are taken")) }
    let error = lastFailure.map { "\($0.message), \(Quantity.time(milliseconds: $0.ageMilliseconds)) ago" }
    rows.append(("last error", error ?? "none"))
    for loss in losses.prefix(Self.lossesMax) { rows.append(("lost", loss.message)) }
    if lossCount > min(losses.count, Self.lossesMax) {
      rows.append(("lost", "\(lossCount) things in all, see the file `messages` in the state directory"))
    }
    if !damagedSegments.isEmpty {
      let names = damagedSegments.map { "damaged-\($0)" }.joined(separator: ", ")
      rows.append(("damaged segments", names + " in the state directory"))
    }
    if conflictCount > 0 { rows.append(("conflicts", conflictText)) }
    rows += conflicts.suffix(Self.conflictsShown).map { ("", $0.text) }
    let width = 17
    return rows.map { name, value in
      name + (name.isEmpty ? " " : ":") + String(repeating: " ", count: width - 1 - name.count) + TerminalText.line(value) + "\n"
    }.joined()
  }

  /// `--json` has all that are known.
  private static let conflictsShown = 10

  private var conflictText: String {
    let shown = min(conflicts.count, Self.conflictsShown)
    return "\(conflictCount) since the mount" + (shown < conflictCount ? ", the latest \(shown)" : "")
  }

  /// The same as an object. Names end in their unit.
  package var json: JSONValue {
    .object([
      .init("version", .string(version)),
      .init("mountpoint", .string(mountpoint)),
      .init("backing", .string(backing)),
      .init("state_directory", .string(stateDirectory)),
      .init("pid", .integer(processID)),
      .init("confinement", .string(confinement)),
      .init("transport", .string(transport)),
      .init("phase", .string(phase.name)),
      .init("uptime_ms", .integer(uptimeMilliseconds)),
      .init("mode", .string(mode)),
      .init("durability", .string(durability)),
      .init("rules", .optional(rules) { .string($0) }),
      .init("clean", .bool(isClean)),
      .init("dirty_bytes", .integer(dirtyBytes)),
      .init("dirty_inodes", .integer(dirtyInodes)),
      .init("pending_operations", .integer(pendingOperations)),
      .init("oldest_age_ms", .optional(oldestAgeMilliseconds) { .integer($0) }),
      .init("open_plans", .integer(openPlans)),
      .init("dead_letters", .integer(deadLetters)),
      .init("journal_used_bytes", .integer(journalUsedBytes)),
      .init("journal_capacity_bytes", .integer(journalCapacityBytes)),
      .init("retained_segments", .integer(retainedSegments)),
      .init("retained_bytes", .integer(retainedBytes)),
      .init("last_lsn", .unsigned(lastLSN)),
      .init("durable_lsn", .unsigned(durableLSN)),
      .init("low_water_lsn", .unsigned(lowWaterLSN)),
      .init("journal_failure", .optional(journalFailure) { .string($0) }),
      .init(
        "last_error",
        .optional(lastFailure) {
          .object([
            .init("message", .string($0.message)),
            .init("age_ms", .integer($0.ageMilliseconds)),
          ])
        }),
      .init("backing_failure", .optional(backingFailure) { .string($0) }),
      .init("longest_call_ms", .integer(longestCallMilliseconds)),
      .init("failing_operations", .integer(failingOperations)),
      .init("health", health.json),
      .init("loss_count", .integer(lossCount)),
      .init("losses", .array(losses.map(\.json))),
      .init("damaged_segments", .array(damagedSegments.map { .unsigned($0) })),
      .init("conflict_count", .integer(conflictCount)),
      .init("conflicts", .array(conflicts.map(\.json))),
      .init("configuration", configurationJSON),
    ])
  }
}

extension StatusReport.Conflict {
  var text: String {
    let outcome = keptAs.map { "theirs is \($0)" } ?? "\(resolution) won"
    return "\(UniversalTime.text(seconds)) \(kind) \(path): \(outcome)"
  }

  var json: JSONValue {
    .object([
      .init("path", .string(path)),
      .init("kind", .string(kind)),
      .init("time", .string(UniversalTime.text(seconds))),
      .init("resolution", .string(resolution)),
      .init("kept_as", .optional(keptAs) { .string($0) }),
    ])
  }
}
