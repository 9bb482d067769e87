import Policies

/// Whatever the arguments, the command line is either refused with one line for the operator, or what it says is in the ranges of
/// the README's table and, written out, is read as the same.
///
/// The input is the words, a NUL between them. The canary is less memory than 32M, which the corpus never asks for.
func examine(_ input: [UInt8]) {
  let words = input.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
  let parse = { () throws(CommandFailure) in try Arguments.parse(words) }
  let outcome = outcome(parse)
  require(outcome == FuzzTarget.outcome(parse), "words are read in two ways")
  switch outcome {
  case .failure(let failure): examineRefusal(failure)
  case .success(.mount(let request)): examineMount(request)
  case .success: break
  }
  for word in words where !word.isEmpty { examineList(word) }
}

private func outcome<Value>(_ parse: () throws(CommandFailure) -> Value) -> Result<Value, CommandFailure> {
  do throws(CommandFailure) { return .success(try parse()) } catch { return .failure(error) }
}

private func examineRefusal(_ failure: CommandFailure) {
  require(failure.status == .usage, "a refusal has another status than that of usage")
  require(!failure.message.isEmpty, "a refusal says nothing")
  for scalar in failure.message.unicodeScalars where scalar < " " || scalar > "~" {
    let category = scalar.properties.generalCategory
    require(![.control, .lineSeparator, .paragraphSeparator].contains(category), "a refusal controls the terminal")
  }
}

private func examineMount(_ request: MountRequest) {
  examineOptions(request.options)
  if let descriptor = request.readinessDescriptor { require((3..<1024).contains(descriptor), "a descriptor that cannot be") }
}

/// An argument as a list of options.
private func examineList(_ list: String) {
  let outcome = outcome { () throws(CommandFailure) in
    var options = MountOptions()
    try OptionParser.parse(list, into: &options)
    return options
  }
  switch outcome {
  case .failure(let failure): examineRefusal(failure)
  case .success(let options):
    examineOptions(options)
    if !list.unicodeScalars.contains("\\") { examineItems(list.unicodeScalars.split(separator: ",").map(String.init)) }
  }
}

/// Of the options in a list that was accepted, only paths and what is for others may hold something else than ASCII.
private func examineItems(_ items: [String]) {
  for item in items where !item.utf8.allSatisfy({ $0 < 0x80 }) {
    let free = ["state=", "rules=", "comment=", "user=", "x-", "X-"]
    require(free.contains { item.utf8.starts(with: $0.utf8) }, "what is not ASCII is accepted")
  }
}

private func examineOptions(_ options: MountOptions) {
  require(options.stateDirectory.map { !$0.isEmpty } ?? true, "the state directory has no name")
  require((0...3_600_000).contains(options.writebackDelay), "writeback_delay is out of range")
  require((100...86_400_000).contains(options.writebackDeadline), "writeback_deadline is out of range")
  require((1...256).contains(options.flushThreads), "flush_threads is out of range")
  require((16 << 20...1 << 40).contains(options.memory), "memory is out of range")
  require(options.journalSize.map { (32 << 20...1 << 44).contains($0) } ?? true, "journal_size is out of range")
  require(options.batchBytes.map { (4 << 10...1 << 30).contains($0) } ?? true, "batch_bytes is out of range")
  require(options.batchOperations.map { (1...1024).contains($0) } ?? true, "batch_operations is out of range")
  if case .batch(let milliseconds) = options.durability {
    require((1...60_000).contains(milliseconds), "durability is out of range")
  }
  if options == MountOptions() { return }
  var again = MountOptions()
  do throws(CommandFailure) { try OptionParser.parse(written(options), into: &again) } catch {
    fatalError("broken: what was accepted is refused when it is written out: \(error.message)")
  }
  require(again == options, "what was accepted is read differently when it is written out")
  #if CANARY
    canary(options.memory < 32 << 20)
  #endif
}

/// The list of options that says the same.
private func written(_ options: MountOptions) -> String {
  var items = [
    "durability=" + options.durability.text, "writeback_delay=" + OptionValues.timeText(options.writebackDelay),
    "writeback_deadline=" + OptionValues.timeText(options.writebackDeadline), "flush_threads=\(options.flushThreads)",
    "memory=" + OptionValues.sizeText(options.memory), "mode=" + options.mode.rawValue, "priority=" + options.priority.rawValue,
  ]
  if let size = options.batchBytes { items.append("batch_bytes=" + OptionValues.sizeText(size)) }
  if let count = options.batchOperations { items.append("batch_operations=\(count)") }
  items.append("sequential_bypass=" + OptionValues.sizeText(options.sequentialBypass))
  if let path = options.rulesFile { items.append("rules=" + escaped(path)) }
  items.append("dirty_background=" + OptionValues.shareText(options.dirtyBackground))
  items.append("dirty_limit=" + OptionValues.shareText(options.dirtyLimit))
  items.append("warn_age=" + OptionValues.timeText(options.health.warnAge))
  items.append("critical_age=" + OptionValues.timeText(options.health.criticalAge))
  items.append("warn_dirty=" + OptionValues.shareText(options.health.warnDirty))
  items.append("critical_dirty=" + OptionValues.shareText(options.health.criticalDirty))
  items.append("when_full=" + (options.whenFull == .wait ? "wait" : "fail"))
  items.append("recovery=" + options.recovery.rawValue)
  switch options.retention {
  case .bytes(let bytes): items.append("retain=" + OptionValues.sizeText(bytes))
  case .time(let milliseconds): items.append("retain=" + OptionValues.timeText(milliseconds))
  }
  if let time = options.unmountTimeout { items.append("unmount_timeout=" + OptionValues.timeText(time)) }
  if let size = options.journalSize { items.append("journal_size=" + OptionValues.sizeText(size)) }
  if let path = options.stateDirectory { items.append("state=" + escaped(path)) }
  items.append("retry_delay=" + OptionValues.timeText(options.retryDelay))
  items.append("retry_delay_max=" + OptionValues.timeText(options.retryDelayMax))
  items += ["max_retries=\(options.maxRetries)", "backing=" + (options.isShared ? "shared" : "exclusive")]
  items += ["revalidate=" + OptionValues.timeText(options.revalidate), "conflict=" + options.conflicts.word]
  items += ["log=" + options.log.rawValue, "log_level=" + options.logLevel.name]
  items.append("transport=" + options.transport.rawValue)
  if options.kernelWriteback { items.append("kernel_writeback") }
  if options.allowOther { items.append("allow_other") }
  return (items + options.kernelWords).joined(separator: ",")
}

private func escaped(_ path: String) -> String {
  var text = ""
  for scalar in path.unicodeScalars {
    if scalar == "\\" || scalar == "," { text += "\\" }
    text.unicodeScalars.append(scalar)
  }
  return text
}
