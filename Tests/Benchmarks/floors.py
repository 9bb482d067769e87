"""The machine's own limits, measured in each round."""
import os, subprocess
from peers import wait_until_mounted


def measure(folder, programs, disk, seconds):
    """null_stats and null_writes: requests a second that a FUSE daemon answers without any work; fdatasyncs: of 4 KiB, in place,
    on the journal's disk, a second; memory: MB copied a second."""
    point = os.path.join(folder, "null")
    os.makedirs(point, exist_ok=True)

    def floor(*words):
        return float(subprocess.run([programs["floors"], *map(str, words)], check=True, capture_output=True, text=True).stdout)
    subprocess.run([programs["null_fuse"], point], check=True)
    wait_until_mounted(point)
    null = os.path.join(point, "null")
    return {"null_stats": floor("stat", null, seconds), "null_writes": floor("write", null, seconds),
            "fdatasyncs": floor("fdatasync", os.path.join(disk, "floor"), seconds), "memory": floor("memory") * 1.048576}
