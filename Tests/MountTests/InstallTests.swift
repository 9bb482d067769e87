import Testing

extension MountTests {
  /// What `make install` puts where, and that it works there.
  @Suite(.serialized) struct InstallTests {
    private func install(_ fixture: MountFixture) throws -> String {
      let root = TestSurroundings.sources + "/../.."
      let tree = fixture.base + "/tree"
      let result = try run(
        ["make", "-s", "-C", root, "install", "BINARY=\(EbbfsBinary.path)", "DESTDIR=\(tree)", "PREFIX=/usr"])
      try #require(result.status == 0, "\(result.output)")
      return tree
    }

    @Test func everythingIsInstalled() throws {
      try withMount(mounts: false) { fixture in
        let tree = try install(fixture)
        let files = try run(["find", tree, "!", "-type", "d", "-printf", "%m /%P\n"]).lines.map(String.init)
        for file in [
          "755 /usr/bin/ebbfs", "755 /usr/sbin/mount.fuse.ebbfs", "777 /usr/sbin/mount.ebbfs",
          "644 /usr/lib/systemd/system/ebbfs@.service", "644 /usr/share/bash-completion/completions/ebbfs",
          "644 /usr/share/zsh/site-functions/_ebbfs", "644 /usr/share/fish/vendor_completions.d/ebbfs.fish",
          "644 /usr/share/man/man8/ebbfs.8", "644 /usr/share/man/man8/ebbfs-journal.8", "644 /usr/share/man/man8/mount.ebbfs.8",
          "644 /usr/share/man/man5/ebbfs.rules.5", "644 /usr/share/doc/ebbfs/examples/sshfs.fstab",
        ] { #expect(files.contains(file), "\(file) is not among \(files)") }
        let version = try run([tree + "/usr/bin/ebbfs", "--version"]).lines
        #expect(version.count == 3 && version[0].hasPrefix("ebbfs ") && version[2] == "journal format 1", "\(version)")
        #expect(try run(["sh", "-n", tree + "/usr/sbin/mount.ebbfs"]).status == 0)
      }
    }

    @Test func bashCompletesCommandsOptionsAndMountpoints() throws {
      try withMount { fixture in
        let tree = try install(fixture)
        func offers(_ words: String...) throws -> [String] {
          let script = """
            . '\(tree)/usr/share/bash-completion/completions/ebbfs'
            compopt() { :; }
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
            COMP_LINE=${COMP_LINE// =/=}; COMP_LINE=${COMP_LINE//= /=}; COMP_POINT=${#COMP_LINE}
            _ebbfs
            printf '%s\\n' "${COMPREPLY[@]}"
            """
          return try run(["bash", "-c", script, "bash", "ebbfs"] + words).lines.map(String.init)
        }
        #expect(try offers("unm") == ["unmount"])
        #expect(try offers("stats", "--pro") == ["--prometheus"])
        #expect(try offers("dead-letters", "/m", "re") == ["retry"])
        #expect(try offers("flush", fixture.base) == [fixture.mountpoint])
        #expect(try offers("/a", "/b", "-o", "ro,journal") == ["ro,journal_size="])
        // As bash splits what is typed.
        #expect(try offers("/a", "/b", "-o", "when_full", "=") == ["wait", "fail"])
        #expect(try offers("/a", "/b", "-o", "memory", "=", "1G,when_full", "=", "f") == ["fail"])
        #expect(try offers("/a", "/b", "-o", "memory", "=", "1G,noa") == ["1G,noatime"])
      }
    }

    @Test func configurationShowsWhatHolds() throws {
      try withMount(options: "unmount_timeout=90s") { fixture in
        #expect(try fixture.ebbfs("set", fixture.mountpoint, "priority=low", "batch_operations=7").status == 0)
        let lines = try fixture.ebbfs("status", fixture.mountpoint, "--config").lines
        for line in [
          "state=\(fixture.state)", "priority=low", "batch_operations=7", "unmount_timeout=90s", "journal_size=1G", "memory=256M",
          "allow_other=on",
        ] { #expect(lines.contains { $0 == line }, "\(line) is not in \(lines)") }
        let json = try fixture.ebbfs("status", fixture.mountpoint, "--config", "--json")
        #expect(json.status == 0 && json.output.contains("\"priority\": \"low\""), "\(json.output)")
      }
    }
  }
}
