"""Shared mappings by several processes, with every way of making them last."""
import hashlib, mmap, os

with open("mapped", "w+b") as file:
    file.truncate(1 << 20)
    children = []
    for worker in range(4):
        child = os.fork()
        if child == 0:
            with mmap.mmap(file.fileno(), 1 << 20) as area:
                for page in range(worker, 256, 4):
                    area[page * 4096:page * 4096 + 100] = bytes([worker + 1]) * 100
                if worker % 2:
                    area.flush()
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    file.seek(0)
    print(hashlib.sha256(file.read()).hexdigest())
    with mmap.mmap(file.fileno(), 0) as area:
        area[10:20] = b"0123456789"
        os.pwrite(file.fileno(), b"abc", 12)
        print(bytes(area[8:24]))
        area.flush()
        area.resize(2 << 20)
        area[-1] = 7
    os.fsync(file.fileno())
    print(os.fstat(file.fileno()).st_size)
with open("mapped", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as area:
    print(hashlib.sha256(area).hexdigest(), area.find(b"01abc56789"))
