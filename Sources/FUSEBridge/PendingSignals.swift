import Glibc

/// Whether a signal waits for a thread that would end its waiting: neither blocked nor ignored (`proc_pid_status(5)`).
func hasPendingSignal(thread: UInt32) -> Bool {
  guard thread > 0, let file = unsafe fopen("/proc/\(thread)/status", "re") else { return false }
  defer { unsafe fclose(file) }
  var sets: [String: UInt64] = [:]
  var line = [CChar](repeating: 0, count: 256)
  // SAFETY: the buffer is as long as told, and fgets ends what it reads with NUL.
  while unsafe fgets(&line, Int32(line.count), file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let parts = text.split(separator: ":\t", maxSplits: 1)
    if parts.count == 2, let set = UInt64(parts[1], radix: 16) { sets[String(parts[0])] = set }
  }
  let pending = sets["SigPnd", default: 0] | sets["ShdPnd", default: 0]
  return pending & ~sets["SigBlk", default: 0] & ~sets["SigIgn", default: 0] != 0
}
