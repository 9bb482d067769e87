import FUSEBridge
import Glibc
import MemoryFilesystem

// MOUNTPOINT [OPTION...]: mounts a filesystem in memory until it is unmounted or SIGTERM comes, for tests that need a process of
// its own.
let arguments = CommandLine.arguments.dropFirst()
exit(serveMemory(mountpoint: arguments.first ?? "", kernelOptions: Array(arguments.dropFirst())))
