"""The machine's own limits, measured in each round."""
import os, subprocess
from peers import wait_until_mounted


def measure(folder, programs, disk, seconds):
    """null_stats and null_writes: requests a second that a FUSE daemon answers without any work; commits_N: of 4 KiB, in place, on
    the journal's disk, a second, by N threads that share syncs; memory: MB copied a second."""
    point = os.path.join(folder, "null")
    os.makedirs(point, exist_ok=True)

    def floor(*words):
        return float(subprocess.run([programs["floors"], *map(str, words)], check=True, capture_output=True, text=True).stdout)
    subprocess.run([programs["null_fuse"], point], check=True)
    wait_until_mounted(point)
    null = os.path.join(point, "null")
    commits = {f"commits_{count}": floor("commit", os.path.join(disk, "floor"), seconds, count) for count in (1, 4, 16)}
    return {"null_stats": floor("stat", null, seconds), "null_writes": floor("write", null, seconds), **commits,
            "memory": floor("memory") * 1.048576}
