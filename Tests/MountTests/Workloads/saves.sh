# How editors save: a new file, synced, renamed over the old one; a backup by link or rename; temporary names that do not last.
echo 'version 0' > document
chmod 640 document
python3 - <<'END'
import os
def save(text):
    with open("document.tmp", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod("document.tmp", 0o640)
    os.rename("document.tmp", "document")
    directory = os.open(".", os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
for number in range(1, 60):
    save(f"version {number}\n" * number)
    assert open("document").read() == f"version {number}\n" * number
for number in range(60, 100):
    # vim with backupcopy=no: 4913 tells whether files can be made, the old file becomes the backup.
    os.close(os.open("4913", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o100640)); os.unlink("4913")
    open(".document.swp", "w").write("swap")
    os.rename("document", "document~")
    with open("document", "x") as file:
        file.write(f"version {number}\n")
        os.fsync(file.fileno())
    os.chmod("document", 0o640)
    os.unlink("document~")
    os.unlink(".document.swp")
END
cat document
sed -i 's/version/edition/' document
cat document
ls -a
stat -c '%a %h' document
