import Control
import FilesystemModel
import PosixStorage

/// `ebbfs dead-letters`.
enum DeadLetterCommands {
  static func run(_ verb: DeadLetterVerb, _ mountpoint: String) throws(CommandFailure) {
    let entry = try DaemonCommands.find(mountpoint)
    switch verb {
    case .list(let asJSON): show(try letters(entry), asJSON: asJSON)
    case .retry(let selection):
      let count = try count(.retryDeadLetters(try subjects(selection, entry)), entry)
      print("\(Quantity.count(count, "dead letter")) taken up again")
    case .discard(let selection, let withDependents):
      let chosen = try chosen(selection, entry)
      for letter in chosen { show(letter, verb: "gives up") }
      let request = ControlRequest.discardDeadLetters(
        selection == .all ? nil : chosen.map(\.subject), withDependents: withDependents)
      print("\(Quantity.count(try count(request, entry), "change")) discarded")
    case .export(let directory): try export(try letters(entry), entry, to: directory)
    }
  }

  private static func show(_ letters: [DeadLetterReport], asJSON: Bool) {
    if asJSON { return print(JSONValue.array(letters.map(\.json)).text()) }
    if letters.isEmpty { print("no dead letters") }
    for letter in letters { show(letter, verb: "") }
  }

  private static func show(_ letter: DeadLetterReport, verb: String) {
    print((verb.isEmpty ? "" : verb + " ") + letter.text)
    for change in letter.dependents { print("    behind it: \(change.text)") }
  }

  static func letters(_ entry: RegistryEntry) throws(CommandFailure) -> [DeadLetterReport] {
    var letters: [DeadLetterReport] = []
    let last = try DaemonCommands.ask(.deadLetters, entry, untilGone: false) { reply in
      switch reply {
      case .deadLetter(let letter): letters.append(letter)
      case .dependent(let change): if !letters.isEmpty { letters[letters.count - 1].dependents.append(change) }
      default: break
      }
    }
    guard last == .done else { throw strange(entry) }
    return letters
  }

  private static func count(_ request: ControlRequest, _ entry: RegistryEntry) throws(CommandFailure) -> Int {
    guard case .count(let count) = try DaemonCommands.ask(request, entry, untilGone: false, partial: { _ in }) else {
      throw strange(entry)
    }
    return count
  }

  private static func strange(_ entry: RegistryEntry) -> CommandFailure {
    CommandFailure(.failed, "process \(entry.process) answered something else than dead letters")
  }

  private static func subjects(
    _ selection: DeadLetterSelection, _ entry: RegistryEntry
  ) throws(CommandFailure) -> [WritebackSubject]? {
    selection == .all ? nil : try chosen(selection, entry).map(\.subject)
  }

  /// The letters that each word names; a word that names none is a failure, and then nothing is done.
  private static func chosen(
    _ selection: DeadLetterSelection, _ entry: RegistryEntry
  ) throws(CommandFailure) -> [DeadLetterReport] {
    let letters = try letters(entry)
    guard case .words(let words) = selection else { return letters }
    var wanted: Set<WritebackSubject> = []
    for word in words {
      let found = letters.filter { isNamed($0, word, entry.mountpoint) }.map(\.subject)
      if found.isEmpty { throw CommandFailure(.failed, "\(entry.mountpoint) has no dead letter \(word)") }
      wanted.formUnion(found)
    }
    guard wanted.count <= ControlCodec.subjectsMax else {
      throw CommandFailure(.usage, "more than \(ControlCodec.subjectsMax) dead letters at a time; --all takes all")
    }
    return letters.filter { wanted.contains($0.subject) }
  }

  /// Whether a word is a letter's number, its path as the list shows it, or the path below the mountpoint.
  static func isNamed(_ letter: DeadLetterReport, _ word: String, _ mountpoint: String) -> Bool {
    if word.hasPrefix("#") { return WritebackSubject(text: String(word.dropFirst())) == letter.subject }
    let path = letter.change.path
    if word == TerminalText.path(path) { return true }
    guard PathText.isInside(word, mountpoint) else { return false }
    return Array(word.utf8.dropFirst(mountpoint.utf8.count)).drop { $0 == UInt8(ascii: "/") }.elementsEqual(path)
  }

  private static func export(
    _ letters: [DeadLetterReport], _ entry: RegistryEntry, to directory: String
  ) throws(CommandFailure) {
    do throws(Errno) {
      try Files.makeDirectories(directory)
      guard try Files.isEmptyDirectory(directory) else { throw .notEmpty }
    } catch {
      throw CommandFailure(.failed, "\(directory): \(error.message); nothing was exported")
    }
    var export: DeadLetterExport
    do throws(BackingRootError) {
      export = DeadLetterExport(
        source: try PosixBackingStorage(unprobed: entry.mountpoint), target: try PosixBackingStorage(unprobed: directory))
    } catch {
      throw CommandFailure(.failed, error.description)
    }
    do throws(Errno) {
      try export.carryOut(letters)
    } catch {
      throw CommandFailure(.failed, "\(directory): \(error.message); what is there is not complete")
    }
    for problem in export.problems { Messages.write("ebbfs: \(TerminalText.line(problem))\n") }
    print(
      "\(Quantity.count(export.exportedCount, "file")) of \(Quantity.count(letters.count, "dead letter")) saved in \(directory)"
    )
    guard export.problems.isEmpty else {
      throw CommandFailure(.failed, "\(Quantity.count(export.problems.count, "file")) could not be exported")
    }
  }
}
