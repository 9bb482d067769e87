"""ext4 on images, with a journal and on loop devices that do not cache: disks whose fsync costs what an fsync costs."""
import os, subprocess

GIGABYTE = 1 << 30


class Disk:
    """An image that each cell formats anew and mounts at `point`."""

    def __init__(self, folder, name, size):
        self.image, self.point, self.size = os.path.join(folder, name + ".image"), os.path.join(folder, name), size

    def prepare(self):
        """Writes the image once, so that no cell pays for blocks that the machine's own disk has to find."""
        os.makedirs(self.point)
        with open(self.image, "wb") as file:
            zeros = bytes(1 << 22)
            for _ in range(self.size // len(zeros)): file.write(zeros)
            os.fsync(file.fileno())

    def mount(self):
        options = "nodiscard,lazy_itable_init=1,lazy_journal_init=1"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-i", "8192", "-E", options, self.image], check=True)   # room for a million files
        device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", self.image], check=True, capture_output=True,
                                text=True).stdout.strip()
        try: subprocess.run(["mount", "-o", "noinit_itable", device, self.point], check=True)
        finally: subprocess.run(["losetup", "--detach", device])   # at once, or when it is unmounted
        os.rmdir(os.path.join(self.point, "lost+found"))

    def is_free(self):
        """Whether no loop device has the image any more."""
        return not subprocess.run(["losetup", "--associated", self.image], capture_output=True, text=True).stdout.strip()

    def replace(self):
        """Gives up an image that somebody still holds."""
        os.unlink(self.image)
        with open(self.image, "wb") as file: os.posix_fallocate(file.fileno(), 0, self.size)


def forget(folder):
    """Takes all files below `folder` out of the page cache."""
    for parent, _, names in os.walk(folder):
        for path in (os.path.join(parent, name) for name in names):
            if not os.path.isfile(path): continue   # the daemon's socket
            file = os.open(path, os.O_RDONLY)
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(file)
