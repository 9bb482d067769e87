import FilesystemModel

/// `ebbfs journal check|dump|extract`.
enum JournalCommand {
  static func run(_ request: JournalRequest, place: String) throws(CommandFailure) {
    let place = try StateDirectory.named(place)
    let inspection = try JournalInspection(stateDirectory: place.stateDirectory)
    switch request {
    case .check: print(try inspection.check())
    case .dump(let options): try JournalDump(inspection, options).run()
    case .extract(let options): try JournalExtract(inspection, options, backing: place.backing).run()
    }
  }
}
