import Glibc
import Testing

@Test func theProgramUnderTestIsThere() {
  // SAFETY: the path lives for the call.
  #expect(unsafe access(EbbfsBinary.path, X_OK) == 0, "\(EbbfsBinary.path) is missing; build it or set EBBFS_BINARY")
}
