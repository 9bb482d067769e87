import FilesystemModel
import StorageInterface

extension WorkloadOperation: CustomStringConvertible {
  /// The operation as Swift source.
  package var description: String {
    func quoted(_ text: String) -> String { "\"\(text)\"" }
    func source(_ path: BackingPath) -> String { quoted(path.text) }
    func octal(_ permissions: UInt16) -> String { "0o" + String(permissions, radix: 8) }
    switch self {
    case .create(let path, let permissions): return ".create(\(source(path)), permissions: \(octal(permissions)))"
    case .makeDirectory(let path, let permissions):
      return ".makeDirectory(\(source(path)), permissions: \(octal(permissions)))"
    case .makeFIFO(let path): return ".makeFIFO(\(source(path)))"
    case .symlink(let path, let target): return ".symlink(\(source(path)), target: \(quoted(target)))"
    case .createTemporary(let path): return ".createTemporary(linkedAt: \(source(path)))"
    case .unlink(let path): return ".unlink(\(source(path)))"
    case .removeDirectory(let path): return ".removeDirectory(\(source(path)))"
    case .rename(let path, let other): return ".rename(\(source(path)), to: \(source(other)))"
    case .renameNoReplace(let path, let other): return ".renameNoReplace(\(source(path)), to: \(source(other)))"
    case .exchange(let path, let other): return ".exchange(\(source(path)), with: \(source(other)))"
    case .link(let path, let other): return ".link(\(source(path)), to: \(source(other)))"
    case .write(let path, let offset, let count, let fill):
      return ".write(\(source(path)), offset: \(offset), count: \(count), fill: \(fill))"
    case .truncate(let path, let size): return ".truncate(\(source(path)), size: \(size))"
    case .allocate(let path, let mode, let offset, let count):
      return ".allocate(\(source(path)), .\(mode), offset: \(offset), count: \(count))"
    case .copyRange(let path, let offset, let other, let otherOffset, let count):
      return ".copyRange(\(source(path)), offset: \(offset), to: \(source(other)), at: \(otherOffset), count: \(count))"
    case .changePermissions(let path, let permissions): return ".changePermissions(\(source(path)), \(octal(permissions)))"
    case .changeOwner(let path, let owner, let group): return ".changeOwner(\(source(path)), \(owner), group: \(group))"
    case .setTime(let path, let seconds): return ".setTime(\(source(path)), seconds: \(seconds))"
    case .setExtendedAttribute(let path, let name, let value, let mode):
      return ".setExtendedAttribute(\(source(path)), name: \(quoted(name)), \(value), .\(mode))"
    case .removeExtendedAttribute(let path, let name):
      return ".removeExtendedAttribute(\(source(path)), name: \(quoted(name)))"
    case .synchronize(let path): return ".synchronize(\(source(path)))"
    case .read(let path, let offset, let count): return ".read(\(source(path)), offset: \(offset), count: \(count))"
    case .status(let path): return ".status(\(source(path)))"
    case .seek(let path, let offset, let target): return ".seek(\(source(path)), offset: \(offset), .\(target))"
    }
  }
}

/// A workload as Swift source for a regression test.
package func swiftSource(of workload: [WorkloadOperation]) -> String {
  "let workload: [WorkloadOperation] = [\n" + workload.map { "  \($0),\n" }.joined() + "]"
}

/// Deletes elements from a failing workload as long as it still fails, larger parts first: no single element of the result
/// can be left out.
///
/// - Parameter fails: whether a workload shows the failure. It must start from the same state each time.
/// - Complexity: at best O(log n) runs, at worst O(n * n).
package func shrink<Element>(_ workload: [Element], while fails: ([Element]) -> Bool) -> [Element] {
  precondition(fails(workload), "the workload does not fail")
  var smallest = workload
  var part = max(1, smallest.count / 2)
  while true {
    var start = 0
    var shrank = false
    while start < smallest.count {
      let candidate = Array(smallest[..<start] + smallest[min(smallest.count, start + part)...])
      if fails(candidate) {
        smallest = candidate
        shrank = true
      } else {
        start += part
      }
    }
    if part == 1, !shrank { return smallest }
    part = shrank ? min(part, max(1, smallest.count)) : max(1, part / 2)
  }
}
