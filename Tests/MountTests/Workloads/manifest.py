"""Prints what a tree holds, one line for each name: `manifest.py [--times] DIRECTORY`.

Type, mode, owner, link count, size, device, target, digest of the contents and extended attributes; modification times if asked.
"""
import hashlib, os, stat, sys

sys.dont_write_bytecode = True


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()[:16]


def line(path, shown, with_times):
    status = os.lstat(path)
    kind = stat.S_IFMT(status.st_mode)
    words = [stat.filemode(status.st_mode), f"{status.st_uid}:{status.st_gid}", f"links={status.st_nlink}"]
    if kind == stat.S_IFREG:
        words += [f"size={status.st_size}", digest(path)]
    if kind == stat.S_IFLNK:
        words.append("-> " + repr(os.readlink(path))[1:])
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        words.append(f"device={status.st_rdev:x}")
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        words.append(f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}")
    if with_times and kind != stat.S_IFSOCK:
        words.append(f"mtime={status.st_mtime_ns}")
    return repr(shown)[1:] + " " + " ".join(words)


def main():
    with_times = sys.argv[1] == "--times"
    root = os.fsencode(sys.argv[-1])
    lines = [line(root, b".", with_times)]
    # By descriptors: a path may be longer than a call takes.
    for directory, directories, files, descriptor in os.fwalk(root):
        for name in directories + files:
            shown = os.path.relpath(os.path.join(directory, name), root)
            lines.append(line(b"/proc/self/fd/%d/" % descriptor + name, shown, with_times))
    print("\n".join(sorted(lines)))


main()
