#!/usr/bin/env python3
"""What ebbfs is for, shown in less than a minute: a directory whose every operation takes 20 ms, a flood of small files, `kill -9` in the
middle of it, and everything there again. Each command that is shown is run; ends with status 1 if something is not as told.

Usage: demo.py EBBFS [--milliseconds N] [--files N]
"""
import argparse, json, os, shutil, signal, subprocess, sys, tempfile, time


class Demo:
    def __init__(self, ebbfs, milliseconds):
        self.base = tempfile.mkdtemp(prefix="ebbfs-demo-")
        self.ebbfs, self.milliseconds = os.path.abspath(ebbfs), milliseconds
        for name in ("disk", "slow", "fast"): os.mkdir(self.path(name))
        self.options = "-o state=" + self.path("state")
        self.server = None

    def path(self, *names): return os.path.join(self.base, *names)

    def say(self, text): print("\n# " + text, flush=True)

    def run(self, command, status=0):
        """Runs a command as a user would type it, in the demo's directory; answers how long it took, and what it printed."""
        print("$ " + command, flush=True)
        begun = time.monotonic()
        done = subprocess.run(["bash", "-c", f'ebbfs() {{ "{self.ebbfs}" "$@"; }}; ' + command], cwd=self.base, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seconds = time.monotonic() - begun
        lines = done.stdout.splitlines()
        for line in lines[:14]: print("  " + line)
        if done.returncode != status: raise RuntimeError(f"that ended with status {done.returncode}")
        return seconds, done.stdout

    def start_server(self):
        slowfs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slowfs.py")
        self.server = subprocess.Popen([sys.executable, slowfs, self.path("disk"), self.path("slow"), "--milliseconds", str(self.milliseconds),
                                        "--failing", self.path("failing")])
        for _ in range(100):
            if os.path.ismount(self.path("slow")): return
            time.sleep(0.1)
        raise RuntimeError("the slow directory was not mounted: this needs root and /dev/fuse")

    def daemon(self):
        """The process of the daemon."""
        found = subprocess.run([self.ebbfs, "status", self.path("fast"), "--json"], stdout=subprocess.PIPE, text=True).stdout
        return json.loads(found)["pid"]

    def end(self):
        # A daemon that is left would go on trying to reach the slow directory.
        if os.path.ismount(self.path("fast")): os.kill(self.daemon(), signal.SIGKILL)
        for name in ("fast", "slow"):
            while os.path.ismount(self.path(name)):
                if subprocess.run(["umount", "-l", self.path(name)]).returncode: break
        if self.server:
            self.server.terminate(); self.server.wait()
        subprocess.run(["chattr", "-R", "-i", self.path("disk")], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.base, ignore_errors=True)


def make_files(count, folder):
    return f"mkdir {folder}; for i in $(seq {count}); do echo \"line $i\" > {folder}/file-$i; done"


def show(demo, files):
    demo.say(f"`slow` is a directory where every operation takes {demo.milliseconds:g} ms, as on a server far away.")
    demo.start_server()
    few = max(1, files // 20)
    direct, _ = demo.run(make_files(few, "slow/direct"))
    demo.say(f"{few} small files took {direct:.1f} s. Now with ebbfs in front of it, {files}:")
    demo.run(f"ebbfs slow fast {demo.options}")
    through, _ = demo.run(make_files(files, "fast/tree"))
    demo.say(f"{through:.2f} s: {direct * files / few / through:.0f} times as fast. They are in the journal on the local disk, and not in `slow` yet:")
    demo.run("ls slow; ebbfs status fast")
    demo.say("One file that somebody waits for goes before all others:")
    demo.run("ebbfs flush fast fast/tree/file-7 && cat slow/tree/file-7")
    demo.say("What is made below `urgent` goes before what has waited longer:")
    demo.run("mkdir fast/urgent; ebbfs set fast priority=high fast/urgent; echo now > fast/urgent/order")
    demo.say("The daemon is killed, as by a crash:")
    process = demo.daemon()
    demo.run(f"kill -9 {process}; ls fast", status=2)
    demo.say("Mounted again, everything that was acknowledged is there:")
    demo.run(f"ebbfs slow fast {demo.options}; ls fast/tree | wc -l; cat fast/tree/file-{files}")
    demo.run("until [ -s disk/urgent/order ]; do sleep 0.1; done; echo \"urgent/order has arrived, with $(ls disk/tree 2>/dev/null | wc -l) others\"")
    demo.say("A program that writes a temporary file and takes it away again costs the server nothing:")
    demo.run("for i in $(seq 50); do echo x > fast/tmp; mv fast/tmp fast/tmp2; rm fast/tmp2; done; ebbfs stats fast | grep cancelled")
    demo.say("The server fails, and works again: what failed is tried again by itself.")
    demo.run("touch failing; echo report > fast/report; sleep 7; ebbfs status fast | grep health", status=0)
    demo.run("rm failing; ebbfs flush fast fast/report; cat slow/report")
    demo.say("A change that is refused for good becomes a dead letter: it stays on the mount and in the journal until somebody decides.")
    demo.run("chattr +i disk/direct/file-1; echo new > fast/direct/file-1; ebbfs flush fast fast/direct/file-1; ebbfs dead-letters fast list",)
    demo.run("cat fast/direct/file-1; chattr -i disk/direct/file-1; ebbfs dead-letters fast retry --all")
    demo.run("ebbfs flush fast fast/direct/file-1; cat disk/direct/file-1")
    demo.say("And before the slow disk is taken away:")
    seconds, _ = demo.run("ebbfs unmount fast")
    demo.say(f"All of it is there, as ordinary files, after {seconds:.0f} s in which nobody had to wait; without ebbfs somebody would have "
             f"waited for {direct * files / few:.0f} s.")
    _, found = demo.run("ls disk/tree | wc -l; for i in $(seq %d); do cat disk/tree/file-$i; done | md5sum; seq -f 'line %%g' %d | md5sum" % (files, files))
    count, mine, expected = found.split("\n")[:3]
    if int(count) != files or mine != expected: raise RuntimeError("something is missing")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ebbfs"); parser.add_argument("--milliseconds", type=float, default=20); parser.add_argument("--files", type=int, default=400)
    given = parser.parse_args()
    demo = Demo(given.ebbfs, given.milliseconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begun = time.monotonic()
    try: show(demo, given.files)
    except RuntimeError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally: demo.end()
    print(f"\n{time.monotonic() - begun:.0f} seconds.")
    return 0


if __name__ == "__main__": sys.exit(main())
