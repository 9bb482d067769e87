#!/bin/sh
# An sshd of one's own on a loopback port, for sshfs.
#
#   sshd.sh prepare DIRECTORY PORT   makes keys and a configuration there
#   sshd.sh start DIRECTORY          serves; returns when it answers
#   sshd.sh stop DIRECTORY           ends it and all its connections, as a machine does that loses power
#   sshd.sh mount DIRECTORY PORT SOURCE MOUNTPOINT
set -eu
directory=$2
case $1 in
prepare)
  mkdir -p "$directory" /run/sshd
  ssh-keygen -q -t ed25519 -N '' -f "$directory/host"
  ssh-keygen -q -t ed25519 -N '' -f "$directory/user"
  cat >"$directory/config" <<END
ListenAddress 127.0.0.1
Port $3
HostKey $directory/host
AuthorizedKeysFile $directory/user.pub
PidFile $directory/pid
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
END
  ;;
start)
  rm -f "$directory/pid"
  /usr/sbin/sshd -f "$directory/config" -E "$directory/log"
  for _ in $(seq 100); do
    [ ! -s "$directory/pid" ] || exit 0
    sleep 0.1
  done
  exit 1
  ;;
stop)
  process=$(cat "$directory/pid")
  # Connections are children of the server, their sessions children of those.
  sessions=$(pgrep -P "$process" || true)
  kill -9 "$process"
  for session in $sessions; do
    # shellcheck disable=SC2046 # one word for each process
    kill -9 "$session" $(pgrep -P "$session") 2>/dev/null || true
  done
  ;;
mount)
  options="port=$3,IdentityFile=$directory/user,UserKnownHostsFile=$directory/known,StrictHostKeyChecking=no"
  sshfs "root@127.0.0.1:$4" "$5" -o "$options,reconnect,ServerAliveInterval=1,ServerAliveCountMax=2"
  ;;
esac
