import Glibc
import Testing

@Suite(.serialized) struct OrdinaryUserTests {
  /// The program that mounts, beside the tests' own.
  private var program: String {
    var path = [CChar](repeating: 0, count: 4096)
    let count = max(0, unsafe readlink("/proc/self/exe", &path, path.count))
    let tests = String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return String(tests[...(tests.lastIndex(of: "/") ?? tests.startIndex)]) + "MemoryMount"
  }

  /// In a mount namespace of its own, where /dev/fuse may be opened by everybody, as udev makes it.
  private func runInNamespace(_ script: String) throws -> ChildResult {
    let directory = try makeTemporaryDirectory()
    defer { unsafe rmdir(directory) }
    // Of the whole path, an ordinary user may be unable to search a part: the program is copied.
    let prelude = """
      set -e
      m=\(directory)
      mount -t tmpfs -o mode=755 tmpfs $m
      mknod -m 666 $m/fuse c 10 229
      cp \(program) $m/program
      mount --bind $m/fuse /dev/fuse
      mkdir -m 777 $m/mnt
      as_user="setpriv --reuid=1000 --regid=1000 --clear-groups"
      wait_for_mount() { for i in $(seq 100); do grep -q $m/mnt /proc/mounts && return; sleep 0.05; done; exit 9; }

      """
    return try run(["timeout", "30", "unshare", "-m", "sh", "-c", prelude + script])
  }

  @Test func ordinaryUserMountsThroughFusermount() throws {
    let result = try runInNamespace(
      """
      chown 1000:1000 $m/mnt
      $as_user $m/program $m/mnt &
      program=$!
      wait_for_mount
      grep $m/mnt /proc/mounts
      $as_user sh -c "cd $m/mnt; echo content > a; cat a; mkdir d; mv a d/b; stat -c %u:%g d/b; cat d/b"
      ls $m/mnt 2>&1 | grep -q 'Permission denied' && echo root is refused
      kill -TERM $program
      wait $program && echo ended
      grep -q $m/mnt /proc/mounts || echo unmounted
      """)
    #expect(result.status == 0, "\(result.output)")
    for expected in [
      "user_id=1000,group_id=1000,default_permissions 0 0", "content\n1000:1000\ncontent\n", "root is refused", "ended",
      "unmounted",
    ] {
      #expect(result.output.contains(expected), "\(result.output)")
    }
  }

  @Test func ordinaryUserUnmountsWithFusermount() throws {
    let result = try runInNamespace(
      """
      chown 1000:1000 $m/mnt
      $as_user $m/program $m/mnt &
      program=$!
      wait_for_mount
      $as_user fusermount3 -u $m/mnt
      wait $program && echo ended
      """)
    #expect(result.status == 0 && result.output == "ended\n", "\(result.output)")
  }

  @Test func ordinaryUserIsToldWhyAMountFails() throws {
    let result = try runInNamespace("$as_user $m/program $m || echo status $?\n")
    #expect(result.output.contains("MemoryMount: ") && result.output.contains("status 1"), "\(result.output)")
  }
}
