import Control
import Testing

@testable import ebbfs

@Test func settingsReachTheMountAndErrorsTheCommand() throws {
  let double = try DoubleDaemon()
  try double.start()
  #expect(try double.client.ask(.set(["mode=write-through", "batch_bytes=1M"])) == .done)
  #expect(double.filesystem.state.withLock { $0.settings } == ["mode=write-through", "batch_bytes=1M"])
  let refused = ControlFailure(reason: .unusable, message: "mode=refused is refused")
  #expect(try double.client.ask(.set(["mode=refused"])) == .failed(refused))
  let failed = ControlFailure(reason: .failed, message: "the rules file is gone")
  #expect(try double.client.ask(.reloadRules) == .failed(failed))
  double.filesystem.endServing()
  #expect(double.filesystem.awaits { $0.drain != nil })
  double.filesystem.writeBackEverything()
  #expect(double.awaitEnd() == .success)
}

@Test func setTakesOptionsAPathOrReload() throws {
  func set(_ words: String...) throws -> SetRequest.Change {
    guard case .set(let request) = try Arguments.parse(["set", "/m"] + words) else { throw CommandFailure(.failed, "no set") }
    #expect(request.mountpoint == "/m")
    return request.change
  }
  #expect(try set("--reload") == .rules)
  #expect(try set("mode=write-through", "writeback_delay=1s") == .mount(["mode=write-through", "writeback_delay=1s"]))
  #expect(try set("priority=low", "/m/a=b") == .path(["priority=low"], "/m/a=b"))
  #expect(try set("mode=inherit", "./a=b") == .path(["mode=inherit"], "./a=b"))
  for words in [
    ["set"], ["set", "/m"], ["set", "/m", "/m/a"], ["set", "/m", "mode=fast"], ["set", "/m", "mode=inherit"],
    ["set", "/m", "memory=1G"], ["set", "/m", "priority=low", "/m/a", "/m/b"], ["set", "/m", "--reload", "x"],
    ["set", "/m", "writeback_delay=1s", "/m/a"], ["set", "--reload"],
  ] {
    let failure = #expect(throws: CommandFailure.self) { try Arguments.parse(words) }
    #expect(failure?.status == .usage, "\(words)")
  }
}

@Test func settingsAreReadIntoWhatTheyChange() throws {
  let texts = ["durability=os", "writeback_deadline=1m", "batch_operations=7", "sequential_bypass=0"]
  let settings = try RuntimeSettings.parse(texts)
  #expect(settings.policy.durability == .system && settings.policy.mode == nil)
  #expect(settings.writebackDeadlineMilliseconds == 60_000 && settings.writebackDelayMilliseconds == nil)
  #expect(settings.sequentialBypassBytes == 0)
  #expect(settings.batchOperations == 7 && settings.batchBytes == nil)
}
