import CLinux
import Glibc
import Threading

/// A thread in an array, which can only hold what can be copied.
final class JoinedThread {
  private var thread: Thread?

  init(_ thread: consuming Thread) { self.thread = consume thread }

  func join() { thread.take()?.join() }
}

/// Threads of this process with the given name, as /proc/self/task tells.
func threadCount(_ name: String) -> Int {
  guard let tasks = unsafe opendir("/proc/self/task") else { return 0 }
  defer { unsafe closedir(tasks) }
  var count = 0
  while let entry = unsafe readdir(tasks) {
    let task = unsafe withUnsafePointer(to: &entry.pointee.d_name) { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
    guard let file = unsafe fopen("/proc/self/task/\(task)/comm", "r") else { continue }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    guard unsafe fgets(&line, 64, file) != nil else { continue }
    let bytes = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
    if String(decoding: bytes, as: UTF8.self) == name { count += 1 }
  }
  return count
}

/// Whether the condition comes true within ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
  for _ in 0..<1000 {
    if condition() { return true }
    linux_sleep(10)
  }
  return condition()
}
