import Control

/// `ebbfs status --config`: what holds for a mount.
enum ConfigurationCommand {
  static func run(_ mountpoint: String, asJSON: Bool) throws(CommandFailure) {
    let report = try DaemonCommands.report(try DaemonCommands.find(mountpoint))
    print(asJSON ? report.configurationJSON.text() + "\n" : report.configurationText, terminator: "")
  }
}
