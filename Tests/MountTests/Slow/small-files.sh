# Makes a directory and COUNT small files in it, as `small-files.sh DIRECTORY COUNT`.
mkdir "$1" && cd "$1" || exit 1
exec /usr/bin/python3 -c '
import sys
for number in range(int(sys.argv[1])):
    with open(f"file-{number:04}", "w", 1000) as file:
        file.write(f"contents of {number}\n" * 20)
' "$2"
