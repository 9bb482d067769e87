"""A directory of very many entries: made, listed, found, renamed and removed."""
import os, sys

count = int(os.environ.get("ENTRIES", "10000"))
os.mkdir("large")
os.chdir("large")
for number in range(count):
    os.close(os.open(f"entry-{number:07}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
names = os.listdir()
print(len(names), len(set(names)))
print(sum(entry.is_file() for entry in os.scandir()))
for number in range(0, count, 97):
    assert os.stat(f"entry-{number:07}").st_size == 0
for number in range(0, count, 10):
    os.rename(f"entry-{number:07}", f"moved-{number:07}")
for number in range(1, count, 10):
    os.unlink(f"entry-{number:07}")
print(len(os.listdir()), sum(name.startswith("moved") for name in os.listdir()))
