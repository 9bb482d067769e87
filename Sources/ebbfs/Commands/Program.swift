/// The program: reads its arguments, runs the command, says in one line why it failed.
enum Program {
  /// - Parameter arguments: without the program's name.
  static func run(_ arguments: [String]) -> Int32 {
    do throws(CommandFailure) {
      let request = try Arguments.parse(arguments)
      if case .status(let path, let asJSON) = request {
        if let path { return try FileCommands.status(path, asJSON: asJSON) }
        return Int32(try DaemonCommands.status(nil, asJSON: asJSON).rawValue)
      }
      return try run(request, arguments).rawValue
    } catch {
      Messages.write("ebbfs: \(error.message)\n")
      return arguments.first == "status" ? error.status.ofStatusCommand : error.status.rawValue
    }
  }

  private static func run(_ request: CommandLineRequest, _ arguments: [String]) throws(CommandFailure) -> ExitStatus {
    switch request {
    case .mount(let request): return try MountCommand.run(request, arguments: arguments)
    case .unmount(let mountpoint, let options): try UnmountCommand.run(mountpoint, options)
    case .wait(let path, let timeout): try FileCommands.wait(path, timeoutMilliseconds: timeout)
    case .set(let request): try DaemonCommands.set(request)
    case .flush(let mountpoint, let paths): try DaemonCommands.flush(mountpoint, paths: paths)
    case .status: preconditionFailure("status has exit statuses of its own")
    case .top(let mountpoint): try TopCommand.run(mountpoint)
    case .report(let mountpoint, let output): try ReportCommand.run(mountpoint, output: output)
    case .statistics(let mountpoint, let form): try StatisticsCommand.run(mountpoint, form)
    case .deadLetters(let verb, let mountpoint): try DeadLetterCommands.run(verb, mountpoint)
    case .journal(let request, let place): try JournalCommand.run(request, place: place)
    case .configuration(let mountpoint, let asJSON): try ConfigurationCommand.run(mountpoint, asJSON: asJSON)
    case .documentation(let document): print(document.text, terminator: "")
    case .version: print(VersionCommand.text)
    case .help: print(Help.text, terminator: "")
    }
    return .success
  }
}
