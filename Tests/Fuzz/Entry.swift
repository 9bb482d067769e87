/// What libFuzzer calls. Each target is this file and a folder whose `examine(_:)` says what must hold for any bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func examineInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  // SAFETY: libFuzzer hands over `count` readable bytes.
  examine(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Ends the process when a property does not hold. Unlike a precondition it says which, optimized or not.
func require(_ holds: Bool, _ property: @autoclosure () -> String) {
  if !holds { fatalError("broken: " + property()) }
}

/// The planted bug of a target that was built with CANARY.
func canary(_ isReached: Bool) {
  if isReached { fatalError("the canary: the target can fail") }
}
