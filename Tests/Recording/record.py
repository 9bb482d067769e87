#!/usr/bin/env python3
"""Writes the terminal session of the README as an SVG: every command in it is run on real mounts in front of a directory where each
operation takes 20 ms, and what it prints is what is shown. Needs root.

Usage: record.py EBBFS SESSION.svg
"""
import html, os, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Torture"))
from demo import Demo

FILES = 300
COLUMNS, LINE, WIDTH, MARGIN = 92, 19, 8.4, 16


class Recording(Demo):
    def __init__(self, ebbfs):
        super().__init__(ebbfs, 20)
        self.lines = []

    def say(self, text): self.lines += [("", ""), ("note", "# " + text)]

    def type(self, command, shown=None, status=0, most=6):
        """Runs a command, and shows it as a user would have typed it."""
        seconds, output = super().run(command, status)
        self.lines.append(("typed", "$ " + (shown or command)))
        text = output.replace(self.base + "/", "/mnt/").splitlines()
        self.lines += [("", line) for line in text[:most]]
        if seconds > 0.05: self.lines.append(("time", f"  ({seconds:.2f} s)"))
        return seconds


def session(record):
    record.start_server()
    record.say(f"/mnt/slow is far away: every operation takes {record.milliseconds:g} ms.")
    make = "mkdir {0}; for i in $(seq {1}); do echo \"line $i\" > {0}/file-$i; done"
    few = FILES // 10
    record.type(make.format("slow/a", few))
    record.say("With ebbfs in front of it, ten times as many:")
    record.type(f"ebbfs slow fast {record.options}", "ebbfs /mnt/slow /mnt/fast")
    record.type(make.format("fast/b", FILES))
    record.say("The daemon is killed. Nothing of it is on the server yet.")
    process = record.daemon()
    record.type(f"ls slow/b 2>&1; kill -9 {process}", f"ls slow/b; kill -9 {process}")
    record.type(f"ebbfs slow fast {record.options}", "ebbfs /mnt/slow /mnt/fast")
    record.type(f"ls fast/b | wc -l; cat fast/b/file-{FILES}")
    record.say("Is it safe to go?")
    record.type("ebbfs status fast | grep pending")
    record.type("ebbfs unmount fast 2>&1 | tail -1", "ebbfs unmount fast")
    record.type("ls slow/b | wc -l")


def drawn(lines):
    height = len(lines) * LINE + 3 * MARGIN + 10
    width = COLUMNS * WIDTH + 2 * MARGIN
    colors = {"typed": "#e6edf3", "note": "#7d8590", "time": "#d29922", "": "#a5d6a7"}
    text = []
    for number, (kind, line) in enumerate(lines):
        y = 2 * MARGIN + 10 + (number + 1) * LINE
        weight = ' font-weight="bold"' if kind == "typed" else ""
        text.append(f'<text x="{MARGIN}" y="{y}" fill="{colors[kind]}"{weight} xml:space="preserve">{html.escape(line[:COLUMNS])}</text>')
    dots = "".join(f'<circle cx="{MARGIN + 6 + 18 * n}" cy="{MARGIN}" r="5" fill="{c}"/>'
                   for n, c in enumerate(("#f85149", "#d29922", "#3fb950")))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" width="{width:g}" height="{height}" '
            f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">\n'
            f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>{dots}\n' + "\n".join(text) + "\n</svg>\n")


def main():
    ebbfs, output = sys.argv[1:]
    record = Recording(ebbfs)
    try: session(record)
    finally: record.end()
    with open(output, "w") as file: file.write(drawn(record.lines[1:]))


main()
