import Testing

extension MountTests {
  /// The scripts in `Posix` run on the mount and on the root filesystem with the same expectations.
  @Suite(.serialized) struct PosixTests {
    private func hold(_ module: String, atLeast minimum: Int) throws {
      let script = TestSurroundings.sources + "/Posix/battery.py"
      try withMount { fixture in
        for (arguments, place) in [(["--ext4"], fixture.plain), ([], fixture.mountpoint)] {
          let result = try run(["/usr/bin/python3", script] + arguments + [place, module], seconds: 120)
          let held = result.lines.last?.split(separator: " ").first.flatMap { Int($0) } ?? 0
          #expect(result.status == 0, "on \(place):\n\(result.output)")
          #expect(held >= minimum, "on \(place) only \(held) assertions were made:\n\(result.output)")
        }
        try fixture.expectBackingEqualsMount()
      }
    }

    @Test func namesBehaveAsOnExt4() throws { try hold("names", atLeast: 700) }
    @Test func contentsBehaveAsOnExt4() throws { try hold("contents", atLeast: 500) }
    @Test func attributesBehaveAsOnExt4() throws { try hold("attributes", atLeast: 150) }
    @Test func permissionsBehaveAsOnExt4() throws { try hold("permissions", atLeast: 150) }
    @Test func directoriesBehaveAsOnExt4() throws { try hold("directories", atLeast: 80) }
    @Test func locksAndHandlesBehaveAsOnExt4() throws { try hold("handles", atLeast: 40) }
  }
}
