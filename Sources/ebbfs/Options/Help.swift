/// What `--help` and `--version` print.
enum Help {
  static let version = "0.1.0"

  static var text: String {
    """
    ebbfs \(version): a crash-safe write-back cache in front of a directory

    usage:
      ebbfs [mount] BACKING MOUNTPOINT [-f] [-o OPTION[=VALUE],...]
                                       mount; returns when the mount is ready (-f: stay in the foreground)
      ebbfs unmount MOUNTPOINT         unmount, write everything back, return when the daemon is gone
      ebbfs flush MOUNTPOINT [PATH...] return when everything acknowledged so far, or what is at and below the paths, is in the
                                       backing directory and synced there
      ebbfs set MOUNTPOINT KEY=VALUE... [PATH]
                                       change options of the mount, or what holds for a file or all below a directory
      ebbfs set MOUNTPOINT --reload    read the rules file again
      ebbfs status [MOUNTPOINT] [--json]
                                       what is not yet written back, the journal's use, the last error
      ebbfs stats [MOUNTPOINT] [--json|--prometheus|--watch[=SECONDS]]
                                       counters and latencies; --watch: rates, a line every second
      ebbfs dead-letters MOUNTPOINT list [--json] | retry [PATH...|--all] | export DIR | discard PATH...|--all [--force]
                                       changes that the backing directory refuses: show them, try them again, save what
                                       they hold, give them up
      ebbfs journal dump STATEDIR|BACKING|MOUNTPOINT [--from LSN] [--follow] [--json]
                                       print what was done, a line for each record; --follow goes on as it happens
      ebbfs journal extract STATEDIR|BACKING|MOUNTPOINT LSN PATH [-o FILE] [--partial]
                                       the contents that a file had right after a record, as far as the journal holds them
      ebbfs journal check STATEDIR|BACKING|MOUNTPOINT
                                       read the whole journal and name what is damaged
      ebbfs upgrade-journal STATEDIR|BACKING
                                       bring the journal to the format of this ebbfs; mounting does not need it
      ebbfs debug bundle STATEDIR|BACKING|MOUNTPOINT [-o FILE]
                                       version, options, status, statistics, journal check and messages in one tar file
      ebbfs --version | --help

    options (-o):
    \(options)
      Sizes take K, M, G, T; times need ms, s, m or h. Also accepted: what mount(8) and fstab(5) have for every filesystem.

    exit status:
    \(statuses)

    """
  }

  private static var options: String {
    OptionTable.options.map { option in
      let range = option.rangeText.isEmpty ? "" : "\(option.rangeText), "
      return "  \(option.usage)\n      \(option.help)\n      (\(range)default: \(option.defaultText.filter { $0 != "`" }))"
    }.joined(separator: "\n")
  }

  private static var statuses: String {
    ExitStatus.allCases.map { status in
      let number = String(status.rawValue)
      return "  " + String(repeating: " ", count: 2 - number.count) + number + "  " + status.meaning
    }.joined(separator: "\n")
  }
}
