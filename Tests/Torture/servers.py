#!/usr/bin/env python3
"""PostgreSQL, Redis, etcd and RocksDB with their data on a mount whose daemon is killed.

Systems that live on write-ahead logs of their own. Each server runs with its usual durability (fsync on, appendfsync always); a client of
each records, outside the mount, every transaction that was acknowledged. The daemon is killed with kill -9 at random moments and at exact
system calls, in its recovery too; the servers, whose files are gone under them, are killed as well. After the remount each server recovers
by its own means and must start, find its data sound, and have every acknowledged transaction and at most the one in flight besides.
PostgreSQL also runs pgbench, whose four sums must agree. At the end the data in the backing directory must be sound without ebbfs.

Usage: servers.py EBBFS [--kills N] [--pace SECONDS] [--options OPTS] [--only postgres,redis,etcd,rocksdb] [--seed S]
"""
import argparse, os, signal, sys, threading, time
from client_etcd import Etcd
from client_postgres import Postgres
from client_redis import Redis
from client_rocksdb import RocksDB
from torture import Scenario, arguments

KINDS = {kind.name: kind for kind in (Postgres, Redis, Etcd, RocksDB)}


def life(scenario, mount, servers, pace):
    """Lets clients work, kills the daemon and the servers, remounts. Returns how many kills were at an exact call."""
    chance = scenario.chance
    stop = threading.Event()
    threads = [threading.Thread(target=server.session, args=(stop,)) for server in servers]
    for thread in threads: thread.start()
    time.sleep(chance.uniform(0.5, pace))
    exact = mount.attach_killer(chance)
    mount.kill()
    stop.set()
    for server in servers: server.end()
    for thread in threads: thread.join(90)
    return exact + mount.remount(scenario)


def main():
    parser = arguments(argparse.ArgumentParser())
    parser.add_argument("--kills", type=int, default=10); parser.add_argument("--pace", type=float, default=5.0)
    parser.add_argument("--options", default="writeback_delay=300ms,writeback_deadline=1s")
    parser.add_argument("--only", default=",".join(KINDS))
    given = parser.parse_args()
    scenario = Scenario("servers", given)
    os.chmod(scenario.base, 0o755)
    exact, servers = 0, []
    with scenario:
        mount = scenario.mount(given.options)
        mount.mount()
        for name in given.only.split(","):
            server = KINDS[name](os.path.join(mount.point, name), scenario.base)
            servers.append(server)
            scenario.undo.append(server.end)
            server.create()
            server.start()
        while mount.kills < given.kills and not scenario.violations:
            exact += life(scenario, mount, servers, given.pace)
            for server in servers:
                server.start()
                for text in server.verify(): scenario.violated(f"after kill {mount.kills}: {text}", lost=1)
        for server in servers: server.end(signal.SIGINT)
        for problem in (mount.flush(), mount.unmount()):
            if problem: scenario.violated(problem)
        for server in servers:
            for text in server.check_files(os.path.join(mount.backing, server.name)): scenario.violated("backing: " + text, lost=1)
    acknowledged = ", ".join(f"{server.last} of {server.name}" for server in servers)
    scenario.acknowledged, scenario.verified = sum(server.last for server in servers), sum(server.verified for server in servers)
    scenario.finish(f"acknowledged transactions {acknowledged}, {exact} kills at an exact call, {scenario.mount_times()}")
    return scenario.exit_status


if __name__ == "__main__": sys.exit(main())
