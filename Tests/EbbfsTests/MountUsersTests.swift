import Glibc
import Testing

@testable import ebbfs

/// Processes as /proc shows them.
private struct FakeProcesses {
  let directory: TemporaryDirectory

  // SAFETY: the paths are strings that live during the call.
  func add(_ process: Int, _ command: String, links: [(String, String)] = [], maps: String = "") throws {
    try Files.makeDirectories(directory("\(process)/fd"))
    _ = try directory.makeFile("\(process)/comm", command + "\n")
    _ = try directory.makeFile("\(process)/maps", maps)
    for (name, target) in links { #expect(unsafe symlink(target, directory("\(process)/" + name)) == 0) }
  }
}

@Test func whoUsesAMountIsFoundByTheNamesOfLinks() throws {
  let processes = FakeProcesses(directory: try TemporaryDirectory())
  try processes.add(9, "elsewhere", links: [("cwd", "/mnt/dx"), ("fd/0", "/mnt"), ("exe", "/mnt/d-not")])
  try processes.add(10, "worker", links: [("cwd", "/mnt/d/a"), ("fd/3", "/mnt/d/b")])
  try processes.add(2, "opener", links: [("cwd", "/"), ("fd/0", "/dev/null"), ("fd/12", "/mnt/d/gone (deleted)")])
  try processes.add(30, "caged", links: [("root", "/mnt/d")])
  try processes.add(31, "runner", links: [("exe", "/mnt/d/bin/x")])
  let maps =
    "7f0000000000-7f0000001000 r--p 00000000 08:01 12   /usr/lib/x.so\n7f0000001000-7f0000002000 rw-s 00000000 00:2d 7 "
    + "                   /mnt/d/with space\n7f0000002000-7f0000003000 rw-p 00000000 00:00 0\n"
  try processes.add(32, "mapper", maps: maps)
  _ = try processes.directory.makeDirectory("self")
  let users = MountUsers.find(below: "/mnt/d", in: processes.directory.path)
  #expect(
    users.map(\.text) == [
      "process 2 (opener) has /mnt/d/gone (deleted) open", "process 10 (worker) works in /mnt/d/a",
      "process 30 (caged) has /mnt/d as its root", "process 31 (runner) runs /mnt/d/bin/x",
      "process 32 (mapper) has /mnt/d/with space in its memory",
    ])
}
