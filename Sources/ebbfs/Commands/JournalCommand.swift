import FilesystemModel

/// `ebbfs journal dump|check`.
enum JournalCommand {
  static func run(_ verb: JournalVerb, directory: String) throws(CommandFailure) {
    let stateDirectory = try StateDirectory.named(directory)
    switch verb {
    case .dump: try JournalInspection(stateDirectory: stateDirectory).dump { print($0) }
    case .check: print(try JournalInspection(stateDirectory: stateDirectory).check())
    }
  }
}
