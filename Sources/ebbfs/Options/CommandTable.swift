/// One command: how it is called, what it does, and what reads its words.
struct CommandDescription: Sendable {
  /// One way to call it.
  struct Form: Sendable {
    /// The words behind `ebbfs`. Capital letters stand for something; flags and small letters for themselves.
    var synopsis: String
    /// What it does then, for people.
    var help: String
  }

  var name: String
  var otherNames: [String] = []
  var forms: [Form]
  /// Reads the words behind the name.
  var parse: @Sendable ([String]) throws(CommandFailure) -> CommandLineRequest
}

/// All commands. The parser, usage errors, `--help`, manual pages, completions and the README's table come from here; a test
/// compares the README.
enum CommandTable {
  static let commands: [CommandDescription] = [
    CommandDescription(
      name: "mount",
      forms: [
        .init(
          synopsis: "[mount] BACKING MOUNTPOINT [-f] [-o OPTION[=VALUE],...]",
          help: "mounts; returns when the mount is ready; `-f` stays in the foreground")
      ],
      parse: Arguments.mount),
    CommandDescription(
      name: "unmount", otherNames: ["umount"],
      forms: [
        .init(
          synopsis: "unmount MOUNTPOINT [--lazy] [--keep-journal | --timeout TIME]",
          help: "unmounts unless files are in use, writes everything back, shows progress, returns when the daemon is gone; "
            + "`--lazy` unmounts though files are in use, `--keep-journal` leaves write-back to the next mount")
      ],
      parse: WaitingArguments.unmount),
    CommandDescription(
      name: "wait",
      forms: [
        .init(
          synopsis: "wait PATH|MOUNTPOINT [--timeout TIME]",
          help: "returns when everything at and below the path that was acknowledged before the call is in the backing "
            + "directory and fsynced there. It hastens nothing: `flush` does. Ends with status 15 when the time is over, "
            + "13 when dead letters are left of that")
      ],
      parse: WaitingArguments.wait),
    CommandDescription(
      name: "flush",
      forms: [
        .init(
          synopsis: "flush MOUNTPOINT [PATH...]",
          help: "returns when everything acknowledged before the call is in the backing directory and fsynced there; with paths "
            + "only what is at and below them, and what that depends on, which goes before everything else. Ends with status 13 "
            + "when dead letters are left of that")
      ],
      parse: Arguments.flush),
    CommandDescription(
      name: "set",
      forms: [
        .init(
          synopsis: "set MOUNTPOINT KEY=VALUE... [PATH]",
          help: "changes options of the mount; with PATH what holds for that file, or for all below that directory"),
        .init(
          synopsis: "set MOUNTPOINT --reload",
          help: "reads the rules file again: all of it or, when it has an error, nothing"),
      ],
      parse: Arguments.set),
    CommandDescription(
      name: "dead-letters",
      forms: [
        .init(
          synopsis: "dead-letters MOUNTPOINT list [--json]",
          help: "changes that the backing directory refuses, with what cannot be written back before them"),
        .init(
          synopsis: "dead-letters MOUNTPOINT retry [PATH...|--all]", help: "tries them again, from the first attempt on"),
        .init(
          synopsis: "dead-letters MOUNTPOINT export DIR",
          help: "saves the files they hold, with their attributes, in the new or empty directory DIR, and a `manifest.json`"),
        .init(
          synopsis: "dead-letters MOUNTPOINT discard PATH...|--all [--force]",
          help: "gives them up for good: the mount shows what the backing directory has; with `--force` what is behind them too"),
      ],
      parse: DeadLetterArguments.parse),
    CommandDescription(
      name: "status",
      forms: [
        .init(
          synopsis: "status [MOUNTPOINT] [--json]",
          help: "what is not yet written back, its age, the journal's use, the last error, conflicts; all mounts without an "
            + "argument"),
        .init(
          synopsis: "status PATH [--json]",
          help: "one file: `clean` (status 0), `dirty since` when or `writing back` (15), `dead-lettered` (13), `conflict` "
            + "(16). Of a directory: itself and its entries, not what is below these"),
        .init(
          synopsis: "status MOUNTPOINT --config [--json]",
          help: "every option with what holds now, defaults and what `ebbfs set` has changed included"),
      ],
      parse: Arguments.status),
    CommandDescription(
      name: "stats",
      forms: [
        .init(
          synopsis: "stats [MOUNTPOINT] [--json|--prometheus [--listen FILE|unix:PATH]|--watch[=SECONDS]]",
          help: "what was counted since the mount and how long it took; `--watch` prints rates, a line every second, until "
            + "interrupted; `--listen` goes on until a signal: it replaces FILE every 15 seconds, or answers HTTP on the "
            + "socket PATH")
      ],
      parse: Arguments.statistics),
    CommandDescription(
      name: "top",
      forms: [
        .init(
          synopsis: "top [MOUNTPOINT]",
          help: "what a mount does at this moment, on the whole terminal: throughput, latencies, what waits by priority, "
            + "the backing directory, the files written to most. Keys: `w` `b` `t` `n` sort, `p` pauses, `q` ends")
      ],
      parse: Arguments.top),
    CommandDescription(
      name: "report",
      forms: [
        .init(
          synopsis: "report [MOUNTPOINT] [-o FILE]",
          help: "a page of HTML, complete in itself, with charts of dirty bytes, rates and latencies: of the last day, a "
            + "sample every 10 seconds")
      ],
      parse: Arguments.report),
    CommandDescription(
      name: "journal",
      forms: [
        .init(
          synopsis: "journal dump STATEDIR|BACKING|MOUNTPOINT [--from LSN] [--follow] [--json]",
          help: "prints what was done, a line for each record of the journal and of what `retain=` keeps of it; `--follow` goes "
            + "on with what is durable, over the daemon's end and the next mount"),
        .init(
          synopsis: "journal extract STATEDIR|BACKING|MOUNTPOINT LSN PATH [-o FILE] [--partial]",
          help: "writes the contents that the file at PATH had right after record LSN, also of one that was overwritten or "
            + "removed since, as far as the journal and what `retain=` keeps of it hold them"),
        .init(
          synopsis: "journal check STATEDIR|BACKING|MOUNTPOINT",
          help: "reads the whole journal; names segment, offset and LSN of damage; changes nothing"),
      ],
      parse: JournalArguments.parse),
    CommandDescription(
      name: "documentation",
      forms: [
        .init(
          synopsis: "documentation \(Document.allCases.map(\.rawValue).joined(separator: "|"))",
          help: "prints a manual page (`ebbfs documentation ebbfs.8 | man -l -`), or the completion for a shell")
      ],
      parse: Arguments.documentation),
    CommandDescription(
      name: "--version", otherNames: ["-V", "version"],
      forms: [
        .init(synopsis: "--version", help: "the version, the commit it was built from, the version of the journal's format")
      ],
      parse: { _ in .version }),
    CommandDescription(
      name: "--help", otherNames: ["-h", "help"],
      forms: [.init(synopsis: "--help", help: "all commands, options and exit statuses")], parse: { _ in .help }),
  ]

  static var forms: [CommandDescription.Form] { commands.flatMap(\.forms) }

  static func command(_ name: String) -> CommandDescription? {
    commands.first { $0.name == name || $0.otherNames.contains(name) }
  }

  /// The synopses that begin with these words, for a message.
  static func usage(_ beginning: String) -> String {
    forms.map(\.synopsis).filter { $0 == beginning || $0.hasPrefix(beginning + " ") }.joined(separator: " | ")
  }
}

/// What `ebbfs documentation` prints.
enum Document: String, CaseIterable, Sendable {
  case program = "ebbfs.8"
  case journal = "ebbfs-journal.8"
  case mountHelper = "mount.ebbfs.8"
  case rules = "ebbfs.rules.5"
  case bash
  case zsh
  case fish
}
