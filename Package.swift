// swift-tools-version: 6.2
import PackageDescription

/// What `ebbfs --version` says that it was built from; the Makefile knows.
let commit = Context.environment["EBBFS_COMMIT"]

/// The targets, low to high, with what each may import. `Tests/TidyTests` holds the code to this table.
let package = Package(
  name: "ebbfs",
  products: [.executable(name: "ebbfs", targets: ["ebbfs"])],
  targets: [
    .systemLibrary(name: "CFUSE", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
    // Linked whole, so that the binary needs no more libraries than before.
    .target(name: "CFUSERing", linkerSettings: [.linkedLibrary(":liburing.a")]),
    .target(name: "CLinux"),
    // On its own, so that another commit is no reason to compile anything else anew.
    .target(name: "CBuildCommit", cSettings: commit.map { [.define("EBBFS_COMMIT", to: "\"\($0)\"")] }),
    .target(name: "Threading", dependencies: ["CLinux"]),
    .target(name: "FilesystemModel"),
    .target(name: "Policies", dependencies: ["FilesystemModel"]),
    .target(name: "Statistics"),
    .target(name: "StorageInterface", dependencies: ["FilesystemModel"]),
    .target(name: "JournalFormat", dependencies: ["FilesystemModel", "CLinux"]),
    .target(name: "Inodes", dependencies: ["FilesystemModel", "Policies"]),
    .target(name: "WritebackCache", dependencies: ["FilesystemModel"]),
    .target(
      name: "WriteAheadLog",
      dependencies: ["JournalFormat", "StorageInterface", "FilesystemModel", "Statistics", "Threading"]),
    .target(name: "Flushing", dependencies: ["StorageInterface", "FilesystemModel"]),
    .target(
      name: "Engine",
      dependencies: [
        "Threading", "FilesystemModel", "Policies", "Statistics", "StorageInterface", "JournalFormat", "Inodes", "WritebackCache",
        "WriteAheadLog", "Flushing",
      ]),
    .target(name: "PosixStorage", dependencies: ["StorageInterface", "FilesystemModel", "CLinux", "Threading"]),
    .target(
      name: "FUSEBridge",
      dependencies: ["Engine", "FilesystemModel", "Statistics", "CFUSE", "CFUSERing", "CLinux", "Threading"]),
    .target(name: "Control", dependencies: ["FilesystemModel", "Statistics"]),
    .executableTarget(
      name: "ebbfs",
      dependencies: [
        "Control", "Engine", "FUSEBridge", "PosixStorage", "WriteAheadLog", "JournalFormat", "StorageInterface",
        "FilesystemModel", "Policies", "Statistics", "Threading", "CLinux", "CBuildCommit",
      ]),
    .target(name: "Support", dependencies: ["StorageInterface", "FilesystemModel", "Threading"], path: "Tests/Support"),
    .testTarget(name: "SupportTests", dependencies: ["Support"]),
    .testTarget(name: "ThreadingTests", dependencies: ["Threading", "CLinux"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics", "Support", "Threading"]),
    .testTarget(name: "FilesystemModelTests", dependencies: ["FilesystemModel", "Support"]),
    .testTarget(name: "PoliciesTests", dependencies: ["Policies", "FilesystemModel"]),
    .testTarget(name: "JournalFormatTests", dependencies: ["JournalFormat", "CLinux", "Support"], exclude: ["Golden"]),
    .testTarget(name: "WriteAheadLogTests", dependencies: ["WriteAheadLog", "JournalFormat", "Threading", "Support"]),
    .testTarget(name: "InodesTests", dependencies: ["Inodes", "FilesystemModel", "Support"]),
    .testTarget(name: "WritebackCacheTests", dependencies: ["WritebackCache", "Support"]),
    .testTarget(name: "FlushingTests", dependencies: ["Flushing", "Support"]),
    .testTarget(name: "EngineTests", dependencies: ["Engine", "Policies", "Statistics", "Support"]),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Engine", "Policies", "WriteAheadLog", "JournalFormat", "StorageInterface", "FilesystemModel", "Threading", "Support",
      ]),
    .testTarget(
      name: "PosixStorageTests", dependencies: ["PosixStorage", "StorageInterface", "FilesystemModel", "Threading", "CLinux"]),
    .testTarget(name: "ControlTests", dependencies: ["Control", "FilesystemModel", "Statistics"]),
    .testTarget(
      name: "EbbfsTests",
      dependencies: [
        "ebbfs", "Control", "Engine", "StorageInterface", "FilesystemModel", "Policies", "PosixStorage", "Statistics",
        "Threading", "WriteAheadLog",
      ]),
    .testTarget(name: "TidyTests"),
    .target(
      name: "MemoryFilesystem", dependencies: ["Engine", "FilesystemModel", "Threading"], path: "Tests/MemoryFilesystem"),
    .executableTarget(name: "MemoryMount", dependencies: ["FUSEBridge", "MemoryFilesystem"], path: "Tests/MemoryMount"),
    .testTarget(
      name: "FUSEBridgeTests",
      dependencies: ["FUSEBridge", "Engine", "FilesystemModel", "Statistics", "Threading", "MemoryFilesystem", "MemoryMount"]),
    .testTarget(
      name: "MountTests", dependencies: ["ebbfs"],
      exclude: ["Costs", "Damage", "Golden", "Posix", "Report", "Slow", "Sshfs", "Suites", "Workloads"]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system && !["CLinux", "CBuildCommit", "CFUSERing"].contains(target.name) {
  target.swiftSettings = [.strictMemorySafety(), .treatAllWarnings(as: .error)]
}

/// What the simulations run for minutes is optimized in a debug build too, with its assertions.
let simulated: Set = [
  "FilesystemModel", "StorageInterface", "JournalFormat", "Inodes", "WritebackCache", "Flushing", "WriteAheadLog", "Engine",
  "Support",
]
for target in package.targets where simulated.contains(target.name) {
  let flags = ["-O", "-wmo", "-disable-batch-mode", "-num-threads", "2", "-assert-config", "Debug"]
  target.swiftSettings?.append(.unsafeFlags(flags, .when(configuration: .debug)))
}
