# Databases with both kinds of journal: transactions, a rollback, a crash of the client, readers beside a writer.
for mode in DELETE WAL TRUNCATE; do
  sqlite3 "$mode.db" "PRAGMA journal_mode=$mode;" \
    'CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INT); CREATE INDEX i ON t(n);'
  { echo 'BEGIN;'; for i in $(seq 2000); do echo "INSERT INTO t(v,n) VALUES('value $i', $((i * 7919 % 1000)));"; done
    echo 'COMMIT;'; } | sqlite3 "$mode.db"
  for i in $(seq 15); do sqlite3 "$mode.db" "UPDATE t SET v='updated $i' WHERE n=$i; DELETE FROM t WHERE n=$((999 - i));"; done
  sqlite3 "$mode.db" "BEGIN; DELETE FROM t; ROLLBACK; SELECT count(*) FROM t;"
  sqlite3 "$mode.db" 'PRAGMA integrity_check; SELECT count(*), sum(n), sum(length(v)) FROM t;'
  for i in 1 2 3 4; do
    { for j in $(seq 10); do echo "PRAGMA busy_timeout=20000; INSERT INTO t(v,n) VALUES('writer $i', $j);"; done; } |
      sqlite3 "$mode.db" > /dev/null &
  done
  wait
  sqlite3 "$mode.db" "SELECT count(*) FROM t WHERE v LIKE 'writer%'; PRAGMA integrity_check; VACUUM; PRAGMA integrity_check;"
  sqlite3 "$mode.db" "SELECT v, n FROM t ORDER BY v, n" | sha256sum
  ls | grep "^$mode" | grep -v '[0-9]$' | sort
  # The file's change counters differ from run to run.
  rm -f "$mode.db"
done
