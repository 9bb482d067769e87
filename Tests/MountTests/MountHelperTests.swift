import Glibc
import Testing

extension MountTests {
  /// mount(8), fstab lines and ordinary users, each in a mount namespace of its own.
  @Suite(.serialized) struct MountHelperTests {
    /// Runs shell text where `$base` has a backing directory, a mountpoint and the program. What it leaves mounted or running
    /// goes with it.
    private func inNamespace(_ fixture: MountFixture, _ script: String) throws -> ChildResult {
      let prelude = """
        set -e
        base=\(fixture.base)
        cd $base
        cp '\(EbbfsBinary.path)' $base/ebbfs
        chmod 755 $base/ebbfs
        clean_up() {
          for mount in $(awk -v base=$base/ 'index($2, base) == 1 { print $2 }' /proc/mounts); do umount -l $mount || true; done
          for program in /proc/[0-9]*/exe; do
            process=${program#/proc/}
            case $(readlink $program) in $base/ebbfs*) kill -9 ${process%/exe} 2>/dev/null || true ;; esac
          done
        }
        trap clean_up EXIT

        """
      return try run(["unshare", "-m", "sh", "-c", prelude + script], seconds: 60)
    }

    /// mount(8) finds its helpers in /sbin only, which gets a layer of its own.
    private func helper() -> String {
      let source = TestSurroundings.sources + "/../../Mount/mount.fuse.ebbfs"
      return """
        mkdir $base/layers $base/helpers
        mount -t tmpfs tmpfs $base/layers
        mkdir $base/layers/upper $base/layers/work
        mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=$base/layers/upper,workdir=$base/layers/work /usr/sbin
        install -m 755 '\(source)' /usr/sbin/mount.fuse.ebbfs
        ln -s mount.fuse.ebbfs /usr/sbin/mount.ebbfs
        export EBBFS_BINARY=$base/ebbfs

        """
    }

    @Test func mountCommandMountsThroughTheHelper() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          helper() + """
            mount -t fuse.ebbfs $base/backing $base/mount -o state=$base/state,writeback_delay=1m,noatime
            grep " $base/mount " /proc/mounts | cut -d ' ' -f 3
            echo through the helper > mount/f
            umount mount
            for i in $(seq 100); do [ -s backing/f ] && break; sleep 0.1; done
            cat backing/f
            mount -t fuse.ebbfs $base/missing $base/mount || echo "status $?"
            mount -f -t fuse.ebbfs $base/backing $base/mount && ! grep -q " $base/mount " /proc/mounts && echo faked
            mount -t ebbfs $base/backing $base/mount -o state=$base/state && cat mount/f | sed 's/^/again /'
            """)
        #expect(result.status == 0, "\(result.output)")
        for line in ["fuse.ebbfs", "through the helper", "faked", "again through the helper"] {
          #expect(result.lines.contains { $0 == line }, "\(result.output)")
        }
        #expect(result.output.contains("backing directory \(fixture.base)/missing does not exist"), "\(result.output)")
        #expect(result.lines.contains("status 3"), "\(result.output)")
      }
    }

    @Test func linesOfFstabMount() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          helper() + """
            options=noauto,nofail,_netdev,nodev,x-systemd.automount,state=$base/state
            echo "$base/backing $base/mount fuse.ebbfs $options 0 0" > fstab
            mount -T $base/fstab $base/mount
            grep " $base/mount " /proc/mounts | grep -o nodev
            echo by fstab > mount/f
            $base/ebbfs unmount $base/mount > /dev/null
            cat backing/f
            """)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.hasSuffix("nodev\nby fstab\n"), "\(result.output)")
      }
    }

    /// The order of a boot: what is local, then what is `_netdev`, each line once however often it is asked for.
    @Test func linesOfFstabMountInTheOrderOfABoot() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          helper() + """
            mkdir below other
            words=_netdev,nofail,x-systemd.requires-mounts-for=$base/below,x-systemd.requires=a.service,lazytime,nouser,state=$base/state
            echo "tmpfs $base/below tmpfs defaults 0 0" > fstab
            echo "$base/below $base/mount fuse.ebbfs $words 0 0" >> fstab
            echo "$base/backing $base/other fuse.ebbfs noauto 0 0" >> fstab
            mount -a -T $base/fstab -O no_netdev
            awk -v base=$base '$2 == base "/mount"' /proc/mounts | wc -l
            mount -a -T $base/fstab -O _netdev
            mount -a -T $base/fstab
            awk -v base=$base '$2 == base "/mount" || $2 == base "/other" { print $1, $3 }' /proc/mounts
            echo at boot > mount/f
            $base/ebbfs unmount $base/mount 2>/dev/null
            cat below/f
            """)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.lines == ["0", "\(fixture.base)/below fuse.ebbfs", "at boot"], "\(result.output)")
      }
    }

    @Test func linesOfFstabWithUserAreForUsers() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          helper() + ordinaryUser + """
            echo "$base/backing $base/mount fuse.ebbfs noauto,user,state=$base/home/state 0 0" > fstab
            mount --bind fstab /etc/fstab
            $as_user mount $base/mount
            awk -v base=$base '$2 == base "/mount" { print $3, $4 }' /proc/mounts
            $as_user sh -c 'echo mine > mount/f'
            $as_user umount $base/mount
            for i in $(seq 100); do [ -s backing/f ] && break; sleep 0.1; done
            stat -c %u backing/f
            """)
        let options = "rw,nosuid,nodev,noexec,relatime,user_id=1000,group_id=1000,default_permissions"
        #expect(result.output == "fuse.ebbfs \(options)\n1000\n", "\(result.output)")
      }
    }

    @Test func theHelperSaysWhatIsWrong() throws {
      let helper = TestSurroundings.sources + "/../../Mount/mount.fuse.ebbfs"
      func call(_ words: String...) throws -> ChildResult {
        try run(["sh", helper] + words, environment: ["EBBFS_BINARY": EbbfsBinary.path])
      }
      for (words, text) in [
        (["/b"], "a backing directory and a mountpoint are needed; usage: mount.fuse.ebbfs BACKING MOUNTPOINT"),
        (["/b", "/m", "-z"], "unknown option -z"), (["/b", "/m", "-o"], "-o needs a value"),
        (["/b", "/m", "/x"], "unexpected argument /x"), (["/b", "/m", "-N", "/n"], "another mount namespace"),
      ] {
        let result = try run(["sh", helper] + words)
        #expect(result.status == 2 && result.lines.count == 1 && result.output.contains(text), "\(words): \(result.output)")
      }
      let options = "state=/a\\,b,bogus=1,x-systemd.requires=a.mount,nofail,memory=1G,silly"
      let result = try call("/b", "/m", "-sfv", "-o", options)
      #expect(
        result.output == """
          mount.fuse.ebbfs: leaving out bogus=1
          mount.fuse.ebbfs: leaving out silly
          mount.fuse.ebbfs: \(EbbfsBinary.path) mount -o state=/a\\,b,x-systemd.requires=a.mount,nofail,memory=1G -- /b /m

          """)
      let missing = try run(["env", "PATH=/nowhere", "EBBFS_BINARY=", "/bin/sh", helper, "/b", "/m"])
      #expect(missing.status == 1 && missing.output.contains("ebbfs is not installed"), "\(missing.output)")
    }

    /// /dev/fuse may be opened by everybody, as udev makes it.
    private let ordinaryUser = """
      mkdir -m 755 $base/devices
      mount -t tmpfs -o mode=755,dev tmpfs $base/devices
      mknod -m 666 $base/devices/fuse c 10 229
      mount --bind $base/devices/fuse /dev/fuse
      mkdir $base/home
      chown 1000:1000 $base/home $base/mount $base/backing
      cd $base
      as_user="setpriv --reuid=1000 --regid=1000 --clear-groups env HOME=$base/home"

      """

    @Test func ordinaryUsersMountWithTheirOwnRights() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          ordinaryUser + """
            echo roots > backing/roots; chmod 600 backing/roots
            $as_user ./ebbfs backing mount -o writeback_delay=1m,writeback_deadline=2m
            grep " $base/mount " /proc/mounts | grep -o 'user_id=1000,group_id=1000,default_permissions'
            $as_user sh -ec 'cd mount; echo mine > f; mkdir d; ln f d/g; chmod 640 f; setfattr -n user.a -v b f; ln -s f s'
            $as_user cat mount/roots 2>&1 | grep -o 'Permission denied'
            $as_user chown 0 mount/f 2>&1 | grep -o 'not permitted'
            $as_user mknod mount/null c 1 3 2>&1 | grep -o 'not permitted'
            ls mount 2>&1 | grep -o 'Permission denied' | sed 's/^/root: /'
            ls -A home/.local/state/ebbfs | wc -l
            $as_user ./ebbfs status mount | grep -o 'serving'
            $as_user ./ebbfs unmount mount 2>/dev/null
            stat -c '%a %u:%g %h %n' backing/f backing/d/g backing/d
            cat backing/f; getfattr --only-values -n user.a backing/f; echo; readlink backing/s
            """)
        #expect(result.status == 0, "\(result.output)")
        #expect(
          result.output == """
            user_id=1000,group_id=1000,default_permissions
            Permission denied
            not permitted
            not permitted
            root: Permission denied
            1
            serving
            640 1000:1000 2 backing/f
            640 1000:1000 2 backing/d/g
            755 1000:1000 2 backing/d
            mine
            b
            f

            """)
      }
    }

    @Test func ordinaryUsersUnmountPlainlyAndRecoverAfterACrash() throws {
      try withMount(mounts: false) { fixture in
        let result = try inNamespace(
          fixture,
          ordinaryUser + """
            $as_user ./ebbfs backing mount -o writeback_delay=1m,writeback_deadline=2m
            $as_user sh -c 'echo kept > mount/f'
            process=$($as_user ./ebbfs status mount --json | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')
            kill -9 $process
            while [ -e /proc/$process/fd/0 ]; do sleep 0.05; done
            $as_user ./ebbfs backing mount
            $as_user cat mount/f
            $as_user fusermount3 -u mount
            for i in $(seq 100); do [ -s backing/f ] && break; sleep 0.1; done
            cat backing/f
            chmod 755 mount; chown 0 mount
            $as_user ./ebbfs backing mount 2>&1 || echo "status $?"
            """)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.hasPrefix("kept\nkept\n"), "\(result.output)")
        #expect(result.output.contains("status ") && result.lines.count == 4, "\(result.output)")
      }
    }
  }
}
