/// The program: reads its arguments, runs the command, says in one line why it failed.
enum Program {
  /// - Parameter arguments: without the program's name.
  static func run(_ arguments: [String]) -> ExitStatus {
    do throws(CommandFailure) {
      return try run(Arguments.parse(arguments), arguments)
    } catch {
      Messages.write("ebbfs: \(error.message)\n")
      return error.status
    }
  }

  private static func run(_ request: CommandLineRequest, _ arguments: [String]) throws(CommandFailure) -> ExitStatus {
    switch request {
    case .mount(let request): return try MountCommand.run(request, arguments: arguments)
    case .unmount(let mountpoint): try DaemonCommands.unmount(mountpoint)
    case .set(let request): try DaemonCommands.set(request)
    case .flush(let mountpoint): try DaemonCommands.flush(mountpoint)
    case .status(let mountpoint, let asJSON): try DaemonCommands.status(mountpoint, asJSON: asJSON)
    case .statistics(let mountpoint, let form): try StatisticsCommand.run(mountpoint, form)
    case .journal(let verb, let directory): try JournalCommand.run(verb, directory: directory)
    case .version: print("ebbfs \(Help.version)")
    case .help: print(Help.text, terminator: "")
    }
    return .success
  }
}
