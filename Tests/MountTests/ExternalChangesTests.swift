import Glibc
import Testing

extension MountTests {
  /// A second writer works in the backing directory itself.
  @Suite(.serialized) struct ExternalChangesTests {
    private let patient = "writeback_delay=1m,writeback_deadline=2m"

    private func text(_ command: String, in directory: String) throws -> String {
      let result = try shell(command, directory: directory)
      #expect(result.status == 0, "\(command): \(result.output)")
      return result.output
    }

    /// Every kind of conflict at once; the daemon is killed before it meets them if `crashes`.
    private func collide(_ fixture: MountFixture, crashes: Bool, _ options: String) throws {
      let seeds = "for f in over cut gone moved; do echo base > $f; done; echo new > taker; mkdir dir empty"
      _ = try text(seeds, in: fixture.backing)
      try fixture.mount(options: options)
      let ours = """
        ls -lR > /dev/null; echo ours > over; : > cut; rm gone; mv taker moved; rmdir dir; echo ours > name; mkdir both;
        echo inside > both/f
        """
      _ = try text(ours, in: fixture.mountpoint)
      let theirs = """
        echo theirs! > over; echo theirs! > cut; echo theirs! > gone; echo theirs! > moved.new; mv moved.new moved;
        echo theirs! > dir/x; echo theirs! > name; mkdir both; echo theirs! > both/f
        """
      _ = try text(theirs, in: fixture.backing)
      if crashes {
        try fixture.crash()
        try fixture.mount(options: options)
      }
      try fixture.flush()
    }

    @Test(arguments: [false, true]) func bothVersionsAreKeptWhateverMeets(crashes: Bool) throws {
      try withMount(mounts: false) { fixture in
        try collide(fixture, crashes: crashes, patient)
        let look = "cat over moved name both/f; wc -c < cut; ls -d gone dir 2> /dev/null; true"
        for place in [fixture.backing, fixture.mountpoint] {
          #expect(try text(look, in: place) == "ours\nnew\nours\ninside\n0\n", "in \(place)")
          let kept =
            "cat over.ebbfs-conflict-* cut.ebbfs-conflict-* gone.ebbfs-conflict-* moved.ebbfs-conflict-* "
            + "dir.ebbfs-conflict-*/x name.ebbfs-conflict-* both.ebbfs-conflict-*/f"
          #expect(try text(kept, in: place) == String(repeating: "theirs!\n", count: 7), "in \(place)")
        }
        #expect(try fixture.status("conflict_count") == "7")
        let report = try fixture.ebbfs("status", fixture.mountpoint).output
        for kind in ["overwrite over", "truncate cut", "unlink gone", "rename-over moved", "rmdir dir", "new-name name"] {
          #expect(report.contains(" \(kind): theirs is "), "\(report)")
        }
        try fixture.unmount()
      }
    }

    @Test func oursWins() throws {
      try withMount(mounts: false) { fixture in
        try collide(fixture, crashes: false, patient + ",conflict=ours")
        for place in [fixture.backing, fixture.mountpoint] {
          let look = "cat over cut name moved both/f; ls -d gone dir 2> /dev/null; true"
          #expect(try text(look, in: place) == "ours\nours\nnew\ninside\n", "in \(place)")
          // Trees of others are never removed.
          let kept = try text("ls -d *.ebbfs-conflict-* | sed 's/-2.*//'", in: place)
          #expect(kept == "both.ebbfs-conflict\ndir.ebbfs-conflict\n", "in \(place)")
        }
        #expect(try fixture.status("conflict_count") == "7")
        try fixture.unmount()
      }
    }

    /// The directory made on both sides is one, and the file in it a conflict of its own.
    @Test(arguments: [false, true]) func theirsWinsAndStays(crashes: Bool) throws {
      try withMount(mounts: false) { fixture in
        try collide(fixture, crashes: crashes, patient + ",conflict=theirs")
        #expect(try fixture.status("conflict_count") == "8")
        let stats = try fixture.ebbfs("stats", fixture.mountpoint, "--prometheus").output
        for (kind, count) in [
          ("overwrite", 1), ("truncate", 1), ("unlink", 1), ("rename-over", 1), ("rmdir", 1), ("new-name", 3),
        ] { #expect(stats.contains("kind=\"\(kind)\"} \(count)\n"), "\(stats)") }
        for isRemounted in [false, true] {
          if isRemounted {
            try fixture.unmount()
            try fixture.mount(options: patient)
          }
          for place in [fixture.backing, fixture.mountpoint] {
            let theirs = try text("cat over cut gone moved name dir/x both/f", in: place)
            #expect(theirs == String(repeating: "theirs!\n", count: 7), "in \(place)")
            #expect(try text("cat taker; ls both", in: place) == "new\nf\n", "what could not replace is there again")
            #expect(try text("ls -d *.ebbfs-conflict-* 2> /dev/null | wc -l", in: place) == "0\n")
          }
        }
        try fixture.unmount()
      }
    }

    /// Long before anything is looked up again by itself.
    @Test func whatInotifyTellsIsSeenAtOnce() throws {
      try withMount(mounts: false) { fixture in
        _ = try text("mkdir d; echo one > d/f; echo gone > d/g", in: fixture.backing)
        try fixture.mount(options: "backing=shared,revalidate=1h")
        #expect(try text("cat d/*; ls d", in: fixture.mountpoint) == "one\ngone\nf\ng\n")
        _ = try text("echo two two > d/f; rm d/g; echo new > d/n", in: fixture.backing)
        #expect(eventually { (try? text("cat d/*; ls d", in: fixture.mountpoint)) == "two two\nnew\nf\nn\n" })
        try fixture.unmount()
      }
    }

    @Test func aSharedDirectoryShowsWhatOthersDo() throws {
      try withMount(mounts: false) { fixture in
        _ = try text("mkdir d; echo one > d/f; echo keep > d/g; ln -s f d/l", in: fixture.backing)
        try fixture.mount(options: "backing=shared,revalidate=300ms")
        #expect(try text("cat d/f d/l; ls d", in: fixture.mountpoint) == "one\none\nf\ng\nl\n")
        let open = try ChildProcess.start(
          ["/bin/sh", "-c", "exec 3< d/g; read a <&3; echo $a; while [ ! -e stop ]; do sleep .05; done; cat d/g"],
          directory: fixture.mountpoint)
        _ = try text(
          "echo two two > d/f; echo more >> d/g; rm d/l; mkdir d/l; touch d/new; echo x > d/t; mv d/t d/l/t", in: fixture.backing)
        #expect(
          eventually { (try? text("cat d/f; ls d d/l", in: fixture.mountpoint)) == "two two\nd:\nf\ng\nl\nnew\n\nd/l:\nt\n" })
        _ = try text("touch stop", in: fixture.mountpoint)
        #expect(try open.wait().output == "keep\nkeep\nmore\n")
        _ = try text("rm -r d", in: fixture.backing)
        #expect(eventually { (try? shell("ls d", directory: fixture.mountpoint).status) != 0 })
        #expect(try fixture.status("conflict_count") == "0")
        try fixture.unmount()
      }
    }
  }
}
