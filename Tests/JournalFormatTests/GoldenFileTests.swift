import Glibc
import JournalFormat
import Testing

/// The bytes of format version 1. A change of these files is a change of the format: it needs a new version.
///
/// `EBBFS_WRITE_GOLDEN=1 swift test --filter GoldenFileTests` writes files that are missing, never one that is there.
@Suite struct GoldenFileTests {
  @Test func recordsEncodeToTheGoldenBytesAndDecodeFromThem() throws {
    let golden = try Self.golden("records-version-1.bin", whenMissing: RecordSamples.encoded())
    #expect(golden == RecordSamples.encoded())
    var start = 0
    for (index, record) in RecordSamples.all.enumerated() {
      let decoded = try DecodedRecord(in: golden, at: start, tag: RecordSamples.tag)
      #expect(decoded.record == record)
      #expect(decoded.header.placement == RecordSamples.placement(index))
      start += RecordLayout.padded(decoded.header.length)
    }
    #expect(start == golden.count)
  }

  @Test func theSegmentHeaderEncodesToTheGoldenBytesAndDecodesFromThem() throws {
    let golden = try Self.golden("segment-header-version-1.bin", whenMissing: RecordSamples.header.encoded())
    #expect(golden == RecordSamples.header.encoded())
    #expect(try SegmentHeader(decoding: golden) == RecordSamples.header)
  }

  @Test func everyReadableVersionHasGoldenFiles() {
    #expect(FormatVersion.readable.map(\.version) == Array(1...FormatVersion.newest))
    for version in FormatVersion.readable.map(\.version) {
      let files = ["records-version-\(version).bin", "segment-header-version-\(version).bin"]
      for file in files.map({ "Golden/" + $0 }) + ["../MountTests/Golden/version-\(version).tar.gz"] {
        #expect(unsafe access(Self.path(file), R_OK) == 0, "there is no \(file)")
      }
    }
  }

  private struct MissingGoldenFile: Error {
    var path: String
  }

  private static func path(_ name: String) -> String {
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/" + name
  }

  private static func golden(_ name: String, whenMissing bytes: [UInt8]) throws -> [UInt8] {
    let path = path("Golden/" + name)
    if unsafe getenv("EBBFS_WRITE_GOLDEN") != nil { write(bytes, to: path) }
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { throw MissingGoldenFile(path: path) }
    defer { close(descriptor) }
    var contents = [UInt8](repeating: 0, count: 1 << 20)
    // SAFETY: reads at most the array's bytes into it.
    let count = unsafe contents.withUnsafeMutableBytes { all in unsafe read(descriptor, all.baseAddress, all.count) }
    return Array(contents.prefix(max(0, count)))
  }

  private static func write(_ bytes: [UInt8], to path: String) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // SAFETY: writes exactly the array's bytes.
    let count = unsafe bytes.withUnsafeBytes { all in unsafe Glibc.write(descriptor, all.baseAddress, all.count) }
    precondition(count == bytes.count)
  }
}
