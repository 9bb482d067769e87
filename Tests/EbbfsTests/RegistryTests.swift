import FilesystemModel
import Glibc
import Testing

@testable import ebbfs

@Test func aDaemonIsFoundByItsMountpointHoweverItIsSpelled() throws {
  let directory = try TemporaryDirectory()
  let mountpoint = try directory.makeDirectory("m")
  let registry = Registry(own: directory("run"), searched: [place(directory("absent")), place(directory("run"))])
  let entry = RegistryEntry(mountpoint: mountpoint, backing: "/b\nx", stateDirectory: "/s")
  try registry.add(entry)
  #expect(registry.entry(mountpoint: mountpoint) == entry)
  #expect(registry.entry(mountpoint: directory("./m/")) == entry)
  #expect(registry.entry(mountpoint: directory("other")) == nil)
  registry.remove(process: entry.process)
  #expect(registry.entries() == [])
}

@Test func whatDeadDaemonsLeftIsPassedOverAndRemoved() throws {
  let directory = try TemporaryDirectory()
  let registry = Registry(own: directory("run"), searched: [place(directory("run"))])
  try Files.makeDirectories(directory("run"))
  // Greater than any process number: proc(5), pid_max.
  var dead = RegistryEntry(mountpoint: "/m", backing: "/b", stateDirectory: "/s")
  dead.process = 4_194_305
  _ = try directory.makeFile("run/4194305", dead.text)
  _ = try directory.makeFile("run/1", "no entry")
  _ = try directory.makeFile("run/rubbish", "no entry")
  // SAFETY: the path lives for the call.
  #expect(unsafe mkfifo(directory("run/2"), 0o600) == 0, "a fifo that would block a reader")
  #expect(registry.entries() == [])
  try registry.add(RegistryEntry(mountpoint: "/n", backing: "/b", stateDirectory: "/s"))
  #expect(registry.entries().map(\.mountpoint) == ["/n"])
  #expect((try? Files.facts(directory("run/4194305"))) == nil)
}

/// The number of a daemon that was killed is given to another process some day.
@Test func anotherProcessWithTheSameNumberIsNotTheDaemon() throws {
  let directory = try TemporaryDirectory()
  let registry = Registry(own: directory("run"), searched: [place(directory("run"))])
  var entry = RegistryEntry(mountpoint: "/m", backing: "/b", stateDirectory: "/s")
  entry.started -= 1
  try registry.add(entry)
  #expect(registry.entries() == [])
}

@Test func whatSomebodyElseWroteDownIsNotBelieved() throws {
  let directory = try TemporaryDirectory()
  let entry = RegistryEntry(mountpoint: "/m", backing: "/b", stateDirectory: "/s")
  try Registry(own: directory("run"), searched: []).add(entry)
  let ofAnother = Registry.Place(path: directory("run"), user: getuid() + 1)
  #expect(Registry(own: directory("x"), searched: [ofAnother]).entries() == [])
  #expect(Registry(own: directory("x"), searched: [place(directory("run"))]).entries() == [entry])
}

private func place(_ path: String) -> Registry.Place { Registry.Place(path: path, user: getuid()) }

@Test func aProcessIsGoneWhenItIsAZombie() throws {
  let process = try Processes.spawn(program: "/bin/true", arguments: ["true"], descriptors: [])
  var rounds = 0
  while Processes.isRunning(Int(process)), rounds < 1000 {
    Monotonic.sleep(milliseconds: 5)
    rounds += 1
  }
  #expect(rounds < 1000)
  #expect(try Processes.wait(for: process) == .exited(0))
  #expect(Processes.isRunning(Processes.current))
}
