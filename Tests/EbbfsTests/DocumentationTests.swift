import Control
import Testing

@testable import ebbfs

@Test func everyCommandIsReadUnderAllItsNames() {
  let names = CommandTable.commands.flatMap { [$0.name] + $0.otherNames }
  #expect(Set(names).count == names.count, "a name has two commands")
  for command in CommandTable.commands {
    for form in command.forms {
      let first = form.synopsis.split(separator: " ")[0].filter { !"[]".contains($0) }
      #expect(first == command.name, "\(form.synopsis) begins with another name")
    }
  }
}

@Test func whatACommandRefusesNamesASynopsisOfIt() {
  for command in CommandTable.commands where !command.name.hasPrefix("-") {
    do throws(CommandFailure) {
      let request = try Arguments.parse([command.name, "--no-such-flag", "a", "b", "c"])
      Issue.record("\(command.name) takes any flag: \(request)")
    } catch {
      let isNamed = command.forms.contains { error.message.contains("usage: ebbfs \($0.synopsis)") }
      #expect(error.status == .usage && isNamed, "\(error.message)")
    }
  }
}

@Test func manualPagesHaveEveryCommandOptionAndExitStatus() {
  let page = Document.program.text
  for form in CommandTable.forms { #expect(page.contains(Roff.item("ebbfs " + form.synopsis, form.help))) }
  for option in OptionTable.options { #expect(page.contains(Roff.item(option.usage, option.help, option.limits))) }
  for status in ExitStatus.allCases { #expect(page.contains(Roff.item(String(status.rawValue), status.meaning))) }
  for form in CommandTable.command("journal")?.forms ?? [] { #expect(Document.journal.text.contains(Roff.text(form.help))) }
  for name in ["mode", "priority", "durability"] { #expect(Document.rules.text.contains("\\fB\(name)=")) }
}

@Test func textOfAManualPageIsNoCommandOfIt() {
  #expect(Roff.text(".TH") == "\\&.TH")
  #expect(Roff.text("'a") == "\\&'a")
  #expect(Roff.text("a\\b-c `-f` d") == "a\\eb\\-c \\fB\\-f\\fR d")
  let known: Set<Substring> = [".\\\"", ".TH", ".SH", ".PP", ".TP", ".br", ".nf", ".fi", ".RS", ".RE", ".nh", ".ad"]
  for document in Document.allCases.filter({ $0.rawValue.hasSuffix(".8") || $0.rawValue.hasSuffix(".5") }) {
    let commands = document.text.split(separator: "\n").filter { $0.hasPrefix(".") }.map { $0.prefix { $0 != " " } }
    #expect(Set(commands).isSubset(of: known), "\(document)")
    #expect(!document.text.contains("`") || document.text.split(separator: "`").count == 3, "a backtick is left in \(document)")
  }
}

@Test func completionsHaveEveryCommandAndOption() {
  for document in [Document.bash, .zsh, .fish] {
    for command in CommandTable.commands { #expect(document.text.contains(command.name), "\(document)") }
    let words = document.text.split { " '=\n".contains($0) }
    for option in OptionTable.options { #expect(words.contains { $0 == option.name }, "\(document): \(option.name)") }
    for word in ["durability=always durability=batch= durability=os", "--prometheus", "mode=write-through"] {
      #expect(document.text.contains(word), "\(document): \(word)")
    }
  }
}

@Test func configurationIsWhatHoldsNow() throws {
  let double = try DoubleDaemon(unmountTimeout: 90_000)
  #expect(try double.client.ask(.set(["mode=write-through", "batch_bytes=1M"])) == .done)
  guard case .status(let report) = try double.client.ask(.status) else {
    Issue.record("no status")
    return
  }
  let lines = report.configurationText.split(separator: "\n")
  #expect(lines.count == OptionTable.options.count)
  for line in ["mode=write-through", "batch_bytes=1M", "unmount_timeout=90s", "memory=256M", "rules=none", "allow_other=off"] {
    #expect(lines.contains { $0 == line }, "\(line) is not in:\n\(report.configurationText)")
  }
  #expect(try double.client.ask(.set(["mode=refused"])) != .done)
  #expect(double.daemon.report().configuration == report.configuration, "what is refused changes nothing")
}

@Test func configurationIsAskedForOneMount() throws {
  #expect(try Arguments.parse(["status", "--json", "/m", "--config"]) == .configuration(mountpoint: "/m", asJSON: true))
  let failure = #expect(throws: CommandFailure.self) { try Arguments.parse(["status", "--config"]) }
  #expect(failure?.message == "an argument is missing; usage: ebbfs status MOUNTPOINT --config [--json]")
}

/// The files of Mount/examples are used as they are.
@Test func examplesHaveOptionsThatThereAre() throws {
  let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  for place in ["sshfs", "rclone", "nfs", "gluster", "usb"] {
    let lines = try Files.text("\(root)/Mount/examples/\(place).fstab").split(separator: "\n").filter { !$0.hasPrefix("#") }
    let fields = lines.map { $0.split(separator: " ").map(String.init) }
    #expect(fields.count == 2 && fields.allSatisfy { $0.count == 6 }, "\(place).fstab")
    #expect(fields[1][0] == fields[0][1] && fields[1][2] == "fuse.ebbfs", "\(place).fstab is not for what is below")
    #expect(fields[1][3].contains("x-systemd.requires-mounts-for=\(fields[0][1])"))
    var byLine = MountOptions()
    try OptionParser.parse(fields[1][3], into: &byLine)

    let settings = try Files.text("\(root)/Mount/examples/\(place).conf").split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(settings.first == "BACKING=\(fields[0][1])" && settings.count == 2, "\(place).conf")
    var byService = MountOptions()
    try OptionParser.parse(String(settings[1].dropFirst("OPTIONS=".count)), into: &byService)
    #expect(byLine.flushThreads == byService.flushThreads && byLine.isShared == byService.isShared, "\(place)")
  }
}
