import FilesystemModel
import Testing

@testable import Engine

@Suite struct ParkingTests {
  private let directory = InodeNumber(7)

  @Test func nameThatGoesWhileItsDirectoryIsListedIsNotBroughtBack() {
    var parking = Parking()
    parking.begin(.listing(directory), chain: [.root, directory])
    parking.noteGone(Location(directory, "gone"))
    parking.noteGone(Location(.root, "elsewhere"))
    #expect(parking.changedNames(of: .listing(directory)).gone == ["gone"])
    #expect(parking.end(.listing(directory), failure: nil).isEmpty)
    #expect(parking.changedNames(of: .listing(directory)).gone.isEmpty, "the next listing is not concerned")
  }

  @Test func loadsThroughAMovedDirectoryAreTainted() {
    var parking = Parking()
    parking.begin(.details(InodeNumber(9)), chain: [.root, directory, InodeNumber(9)])
    parking.begin(.details(InodeNumber(8)), chain: [.root, InodeNumber(8)])
    parking.taintLoads(touching: [directory])
    #expect(parking.isTainted(.details(InodeNumber(9))))
    #expect(!parking.isTainted(.details(InodeNumber(8))))
  }
}
