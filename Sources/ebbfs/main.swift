import Glibc

StandardDescriptors.open()
exit(Program.run(Array(CommandLine.arguments.dropFirst())))
