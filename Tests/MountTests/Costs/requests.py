#!/usr/bin/env python3
"""Counts the requests that the kernel sends to a FUSE mount while a command runs there, by its tracepoint: a line `NAME COUNT` for each
kind, FORGETs left out, since they come whenever memory is short.

Usage: requests.py MOUNTPOINT COMMAND...
"""
import collections, os, re, subprocess, sys

ROOT = "/sys/kernel/tracing"


def main():
    point, command = sys.argv[1], sys.argv[2:]
    if not os.path.isdir(f"{ROOT}/events"): subprocess.run(["mount", "-t", "tracefs", "none", ROOT], check=True)
    connection = os.minor(os.stat(point).st_dev)
    instance = f"{ROOT}/instances/ebbfs-{os.getpid()}"
    os.mkdir(instance)
    try:
        write(instance, "buffer_size_kb", 8192)
        write(instance, "events/fuse/fuse_request_send/filter", f"connection == {connection}")
        write(instance, "events/fuse/fuse_request_send/enable", 1)
        status = subprocess.run(command, cwd=point).returncode
        write(instance, "tracing_on", 0)
        with open(f"{instance}/trace") as file: found = collections.Counter(re.findall(r"\(FUSE_(\w+)\)", file.read()))
    finally:
        os.rmdir(instance)
    for name, count in sorted(found.items()):
        if "FORGET" not in name: print(name, count)
    return status


def write(instance, name, value):
    with open(f"{instance}/{name}", "w") as file: file.write(str(value))


sys.exit(main())
