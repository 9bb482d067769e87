/// Whether a signal waits for a thread that would end its waiting: neither blocked nor ignored (`proc_pid_status(5)`).
func hasPendingSignal(thread: UInt32) -> Bool {
  guard thread > 0 else { return false }
  var sets: [String: UInt64] = [:]
  for line in String(decoding: contents(ofFile: "/proc/\(thread)/status"), as: UTF8.self).split(separator: "\n") {
    let parts = line.split(separator: ":\t", maxSplits: 1)
    if parts.count == 2, let set = UInt64(parts[1], radix: 16) { sets[String(parts[0])] = set }
  }
  let pending = sets["SigPnd", default: 0] | sets["ShdPnd", default: 0]
  return pending & ~sets["SigBlk", default: 0] & ~sets["SigIgn", default: 0] != 0
}
