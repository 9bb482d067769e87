"""A server 127.0.0.1 that is far away: sshd behind a TCP proxy that delays. Counts the bytes that are sent to it."""
import os, socket, struct, subprocess, time

# What a user would be asked, and what ssh would look for in his home directory.
SSH = {"StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null", "LogLevel": "ERROR"}


class Remote:
    def __init__(self, folder, programs, milliseconds):
        self.folder, self.programs, self.milliseconds = folder, programs, milliseconds
        self.key = os.path.join(folder, "user")
        self.counters = os.path.join(folder, "counters")

    def start(self):
        os.makedirs(self.folder)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(self.folder, name)], check=True)
        port = free_port()
        lines = {"ListenAddress": "127.0.0.1", "Port": port, "HostKey": os.path.join(self.folder, "host"),
                 "AuthorizedKeysFile": self.key + ".pub", "PidFile": os.path.join(self.folder, "pid"),
                 "PermitRootLogin": "prohibit-password", "PasswordAuthentication": "no", "StrictModes": "no", "UsePAM": "no",
                 # Shells that rclone starts there are not to run root's .bashrc.
                 "SetEnv": f"HOME={self.folder}", "PermitUserRC": "no", "MaxStartups": "100", "MaxSessions": "100",
                 "Subsystem": "sftp internal-sftp"}
        configuration = os.path.join(self.folder, "sshd_config")
        with open(configuration, "w") as file: file.writelines(f"{key} {value}\n" for key, value in lines.items())
        subprocess.run(["/usr/sbin/sshd", "-f", configuration, "-E", os.path.join(self.folder, "log")], check=True)
        wait_for_port(port)
        proxy = subprocess.Popen([self.programs["delay"], str(port), str(int(self.milliseconds * 500)), self.counters],
                                 stdout=subprocess.PIPE, text=True)
        self.port = int(proxy.stdout.readline())

    def bytes_sent(self):
        """Bytes that went to the server, all of ssh included."""
        with open(self.counters, "rb") as file: return struct.unpack("QQ", file.read(16))[0]

    def sshfs_options(self):
        return ",".join([f"port={self.port}", f"IdentityFile={self.key}", *(f"{key}={value}" for key, value in SSH.items())])

    def rclone_lines(self):
        return ["type = sftp", "host = 127.0.0.1", f"port = {self.port}", "user = root", f"key_file = {self.key}",
                "shell_type = unix"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try: return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end: raise
            time.sleep(0.02)
