/// What people have written of the manual pages.
extension ManualPages {
  static let description = """
    ebbfs puts a cache in front of any directory: an sshfs or NFS mount, a distributed filesystem's client mount, a USB disk,
    a plain folder. A write is acknowledged once it is in a journal on fast local disk; it reaches the backing directory
    later, coalesced, in batches and in parallel. The files in the backing directory stay ordinary files.

    When a system call on the mount returns success, its effect survives `kill -9` of ebbfs. When fsync returns, everything
    acknowledged before survives power loss. After a crash the mount shows the result of the first operations in the order
    they took effect. What the backing directory refuses for good becomes a dead letter, which is kept until an operator
    decides.

    After a crash mount again with the same command: the dead mount is taken away, and the journal is recovered. A disk with
    the backing directory may be taken away when `ebbfs unmount` has returned 0. After umount(8) and fusermount3(1) the daemon
    writes back what is left and ends; after SIGTERM it does so for at most 30 seconds, or `unmount_timeout`, and leaves the
    rest in the journal.
    """

  static let examples = """
    ebbfs /mnt/slow /srv/fast            # returns when the mount is ready
    ebbfs status /srv/fast               # what is not yet written back
    ebbfs flush /srv/fast                # returns when everything so far is in /mnt/slow, synced
    ebbfs unmount /srv/fast              # returns when everything is written back
    """

  static let journalDescription = """
    The journal is read beside a running daemon, without a lock and without a change. It keeps what is not yet written back,
    and with the mount's option `retain` what was, for so long or so much. Records are in the order in which things were done,
    each with its LSN: a number that counts up by one.

    `dump --from` LSN begins there; when that record is not kept any more the command ends with status 14 and names the oldest
    that is. `--follow` tells a record when no power cut takes it back any more, and goes on over the daemon's end and the
    next mount. Where records are damaged or missing one line says which, the rest follows, and the status is 7. Paths are
    escaped: a backslash is \\\\, and a byte that is no UTF-8 \\xHH.

    `extract` gives the bytes that a file had right after a record, whether it was overwritten, truncated, renamed or removed
    since. What no kept record has written is taken from the backing directory as it is now, and a line says so. Bytes that
    are nowhere any more are named, and the status is 14; with `--partial` zeros stand for them.

    `check` names damage. What to do then is in Mount/README.md, "When something is wrong".
    """

  static let journalExamples = """
    ebbfs journal dump /srv/fast --follow --json
    ebbfs journal extract /srv/fast 4711 /a -o a.old
    """

  static let rulesDescription = """
    The file that the option `rules` of ebbfs(8) names has one rule per line: a pattern as in gitignore(5) and KEY=VALUEs.
    Lines that begin with # are comments. A pattern with a slash at its beginning or in its middle begins at the root of the
    mount, one without in any directory, and a slash at the end is for directories; what covers a directory covers all below
    it. A backslash makes a space a part of the pattern.

    For each key the first rule that says something of it wins, so there is no !. What an extended attribute `user.ebbfs.KEY`
    of the file or a directory above it says goes before all rules, and the mount's option holds where neither says anything.

    An error gives file, line and column, and refuses the mount. `ebbfs set MOUNTPOINT --reload` reads the file again, all of
    it or, when it has an error, nothing.
    """

  static let rulesExamples = """
    /db/wal/   mode=write-through priority=high
    *.log      priority=low durability=batch=1000
    """

  static let mountHelperDescription = """
    Lets mount(8) and fstab(5) mount ebbfs(8): it is called by mount -t fuse.ebbfs (or -t ebbfs) and starts `ebbfs mount`.
    Exit status and message are those of ebbfs. The mount is ready when mount(8) returns.

    Options of mount(8) and fstab(5) that are not for the filesystem (noauto, nofail, user, _netdev, x-systemd.requires=...)
    are accepted and have their effect there. With `user` an ordinary user who owns the mountpoint may mount, with the rights
    and the state directory of that user.

    umount(8) returns at once, and the daemon goes on writing back; `ebbfs unmount MOUNTPOINT` waits for that.
    """

  static let mountHelperExamples = """
    mount -t fuse.ebbfs /mnt/slow /srv/fast -o memory=512M

    /mnt/slow /srv/fast fuse.ebbfs _netdev,nofail,x-systemd.requires-mounts-for=/mnt/slow 0 0
    /home/me/slow /home/me/fast fuse.ebbfs noauto,user 0 0
    """

  static var mountHelper: String {
    Roff.page(
      "mount.ebbfs", section: 8, summary: "the helper of mount(8) for ebbfs",
      sections: [
        (
          "SYNOPSIS",
          "\\fBmount.ebbfs\\fR BACKING MOUNTPOINT [\\-sfnv] [\\-o OPTIONS]\n.br\n\\fBmount.fuse.ebbfs\\fR BACKING MOUNTPOINT "
            + "[\\-sfnv] [\\-o OPTIONS]"
        ),
        ("DESCRIPTION", Roff.paragraphs(mountHelperDescription)),
        (
          "OPTIONS",
          [
            Roff.item("-o OPTIONS", "as in ebbfs(8)"), Roff.item("-f", "do everything but the mount"),
            Roff.item("-s", "leave out options that ebbfs does not know"), Roff.item("-v", "say what is done"),
            Roff.item("-n", "accepted; there is no entry in /etc/mtab anyway"),
          ].joined(separator: "\n")
        ),
        ("EXAMPLES", Roff.example(mountHelperExamples)), Roff.seeAlso("ebbfs(8)", "mount(8)", "fstab(5)", "systemd.mount(5)"),
      ])
  }
}
