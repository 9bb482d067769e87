"""Draws the page of `ebbfs report` in headless Chromium, as root: `chromium.py EBBFS [SCREENSHOT]`.

Mounts below a name that would be markup, works for some samples of the history, and checks what the browser has made of the page.
"""
import os, re, shutil, struct, subprocess, sys, tempfile, time

ebbfs, picture = os.path.abspath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
browser = shutil.which("chromium")
if not browser:
    print("SKIPPED: there is no chromium; `.ci/install-packages report` installs it", file=sys.stderr)
    sys.exit(77)
base = tempfile.mkdtemp(prefix="ebbfs-report-")
backing, mount, page = base + "/backing", base + "/<b>&\"m'", base + "/report.html"
shot = os.path.abspath(picture) if picture else base + "/report.png"
for path in (backing, mount): os.mkdir(path)


def chromium(*words):
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
               "--enable-logging=stderr", "--user-data-dir=" + base + "/profile", *words, "file://" + page]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def expect(condition, what):
    if not condition: sys.exit("the page is not as it must be: " + what)


def count(tag): return len(re.findall("<" + tag + "[ >]", dom))


subprocess.run([ebbfs, backing, mount, "-o", f"state={base}/state,writeback_delay=2s,journal_size=256M"], check=True)
try:
    end = time.monotonic() + 45
    while time.monotonic() < end:
        for number in range(50):
            with open(f"{mount}/file-{number}", "ab") as file: file.write(os.urandom(20000))
        with open(f"{mount}/file-1", "rb") as file: file.read()
        time.sleep(0.5)
    subprocess.run([ebbfs, "report", mount, "-o", page], check=True)
    result = chromium("--dump-dom")
    dom = result.stdout
    expect("CONSOLE" not in result.stderr, result.stderr)
    expect(count("svg") == 7 and count("polyline") == 12 and count("figcaption") == 7, "7 charts with 12 lines")
    expect(count("h2") == 1 and count("b") == 0 and "&lt;b&gt;&amp;" in dom, "the mount's name is text")
    points = re.findall('points="([^"]*)"', dom)
    expect(all(len(line.split()) >= 4 for line in points), "a line has fewer than 4 samples")
    drawn = [line for line in points if len({point.split(",")[1] for point in line.split()}) > 1]
    expect(len(drawn) >= 6, f"only {len(drawn)} lines have ups and downs")
    chromium("--screenshot=" + shot, "--window-size=1000,2600")
    with open(shot, "rb") as file: header = file.read(24)
    expect(header[:4] == b"\x89PNG" and struct.unpack(">II", header[16:24]) == (1000, 2600), "the screenshot")
    expect(os.path.getsize(shot) > 50_000, "the screenshot is empty")
    print(f"the report is drawn: {len(points)} lines, {len(drawn)} of them with ups and downs, {os.path.getsize(page)} bytes")
finally:
    subprocess.run([ebbfs, "unmount", mount], check=False)
    shutil.rmtree(base)
