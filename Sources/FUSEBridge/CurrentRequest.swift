import CLinux
import Glibc

/// A request as it arrived.
struct Arrival: Sendable {
  /// The kernel's number of the request.
  var unique: UInt64
  /// What its answer is to carry in place of that: the same, or a `RingAddress`.
  var answerUnique: UInt64
  var opcode: UInt32
  /// Uptime.
  var nanoseconds: Int

  /// A request that arrives now.
  static func now(unique: UInt64, answerUnique: UInt64, opcode: UInt32) -> Arrival {
    Arrival(unique: unique, answerUnique: answerUnique, opcode: opcode, nanoseconds: Int(linux_uptime_nanoseconds()))
  }
}

/// The arrival of the request whose callback runs on this thread: libfuse does not pass it on.
enum CurrentRequest {
  private static let unique = ThreadNumber()
  private static let answerUnique = ThreadNumber()
  private static let opcode = ThreadNumber()
  private static let nanoseconds = ThreadNumber()

  static var arrival: Arrival {
    get {
      Arrival(
        unique: UInt64(unique.value), answerUnique: UInt64(answerUnique.value), opcode: UInt32(opcode.value),
        nanoseconds: Int(nanoseconds.value))
    }
    set {
      unique.value = UInt(newValue.unique)
      answerUnique.value = UInt(newValue.answerUnique)
      opcode.value = UInt(newValue.opcode)
      nanoseconds.value = UInt(newValue.nanoseconds)
    }
  }
}

/// A number of which each thread has its own: a thread-specific value of pthread.
private struct ThreadNumber {
  private let key: pthread_key_t

  init() {
    var key = pthread_key_t()
    let result = unsafe pthread_key_create(&key, nil)
    precondition(result == 0, "no thread-specific value could be made")
    self.key = key
  }

  var value: UInt {
    get { UInt(bitPattern: unsafe pthread_getspecific(key)) }
    // SAFETY: the number is stored as an address that is never followed.
    nonmutating set { unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue)) }
  }
}
