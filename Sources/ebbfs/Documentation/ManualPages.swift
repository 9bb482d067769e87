import Policies

/// The manual pages. Commands, options and exit statuses come from their tables.
enum ManualPages {
  static var program: String {
    Roff.page(
      "ebbfs", section: 8, summary: Help.summary,
      sections: [
        ("SYNOPSIS", synopsis(CommandTable.forms)), ("DESCRIPTION", Roff.paragraphs(description)),
        ("COMMANDS", items(CommandTable.forms)), ("OPTIONS", options), ("EXIT STATUS", statuses),
        ("FILES", files), ("EXAMPLES", Roff.example(examples)),
        Roff.seeAlso("ebbfs-journal(8)", "ebbfs.rules(5)", "mount.ebbfs(8)", "mount(8)", "fstab(5)", "fuse(4)"),
      ])
  }

  static var journal: String {
    let forms = CommandTable.command("journal")?.forms ?? []
    return Roff.page(
      "ebbfs-journal", section: 8, summary: "what was done on a mount of ebbfs, from its journal",
      sections: [
        ("SYNOPSIS", synopsis(forms)), ("DESCRIPTION", Roff.paragraphs(journalDescription)), ("COMMANDS", items(forms)),
        ("EXIT STATUS", statuses), ("EXAMPLES", Roff.example(journalExamples)), Roff.seeAlso("ebbfs(8)"),
      ])
  }

  static var rules: String {
    let keys = PolicyKey.allCases.map(\.rawValue)
    let values = OptionTable.options.filter { keys.contains($0.name) }.map { Roff.item($0.usage, $0.help) }
    return Roff.page(
      "ebbfs.rules", section: 5, summary: "modes, priorities and durabilities of paths on a mount of ebbfs",
      sections: [
        ("DESCRIPTION", Roff.paragraphs(rulesDescription)), ("KEYS", values.joined(separator: "\n")),
        ("EXAMPLES", Roff.example(rulesExamples)), Roff.seeAlso("ebbfs(8)", "gitignore(5)"),
      ])
  }

  static func synopsis(_ forms: [CommandDescription.Form]) -> String {
    forms.map { "\\fBebbfs\\fR \(Roff.text($0.synopsis))" }.joined(separator: "\n.br\n")
  }

  private static func items(_ forms: [CommandDescription.Form]) -> String {
    forms.map { Roff.item("ebbfs " + $0.synopsis, $0.help) }.joined(separator: "\n")
  }

  private static var options: String {
    let intro = "They stand behind `-o`, with a comma between them; a comma in a path is written `\\,`. \(Help.units)"
    let others =
      "Also accepted: \(names(OptionTable.kernelWords)), which go to the kernel, and the words of fstab(5) that are not for the "
      + "filesystem. A mount has nosuid and nodev unless suid and dev are given."
    return Roff.text(intro) + "\n" + OptionTable.options.map { Roff.item($0.usage, $0.help, $0.limits) }.joined(separator: "\n")
      + "\n.PP\n" + Roff.text(others)
  }

  private static func names(_ words: Set<String>) -> String { words.sorted().joined(separator: ", ") }

  private static var statuses: String {
    ExitStatus.allCases.map { Roff.item(String($0.rawValue), $0.meaning) }.joined(separator: "\n") + "\n.PP\n"
      + Roff.text(
        "`ebbfs status` alone has statuses as monitoring plugins have them: 0 all is well, 1 a warning, 2 critical, 3 nothing is "
          + "known; 9 as above. Every failure is one line on standard error.")
  }

  private static var files: String {
    [
      Roff.item(
        "/var/lib/ebbfs/ID, ~/.local/state/ebbfs/ID",
        "state directories of root's and of a user's mounts: the journal, the control socket, and `messages`, what a daemon in "
          + "the background has to say. ID is the backing directory's name and a hash of its canonical path"),
      Roff.item(
        "/etc/ebbfs/srv/fast.conf",
        "BACKING= and OPTIONS= of the service `ebbfs@srv-fast`, which mounts on /srv/fast; its name is the mountpoint as "
          + "`systemd-escape --path` writes it"),
    ].joined(separator: "\n")
  }
}
