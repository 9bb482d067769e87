"""Damages a journal segment: `segment.py version|flip FILE`.

version: writes a greater format version, which needs ebbfs 9.1.2, into the header, with a right checksum. flip: inverts a byte of the first record.
"""
import struct, sys


def crc32c(data):
    total = 0xFFFFFFFF
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = total >> 1 ^ (0x82F63B78 if total & 1 else 0)
    return total ^ 0xFFFFFFFF


what, path = sys.argv[1:3]
with open(path, "r+b") as file:
    header = bytearray(file.read(4096))
    if what == "version":
        struct.pack_into("<I", header, 8, 99)
        struct.pack_into("<I", header, 68, 9 << 16 | 1 << 8 | 2)
        struct.pack_into("<I", header, 4092, crc32c(header[:4092]))
        file.seek(0)
        file.write(header)
    else:
        file.seek(4096 + 40)
        byte = file.read(1)[0]
        file.seek(4096 + 40)
        file.write(bytes([byte ^ 0xFF]))
