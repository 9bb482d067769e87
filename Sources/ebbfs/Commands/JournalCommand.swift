import FilesystemModel

/// `ebbfs journal check|dump`.
enum JournalCommand {
  static func run(_ request: JournalRequest, place: String) throws(CommandFailure) {
    let inspection = try JournalInspection(stateDirectory: StateDirectory.named(place))
    switch request {
    case .check: print(try inspection.check())
    case .dump(let options): try JournalDump(inspection, options).run()
    }
  }
}
