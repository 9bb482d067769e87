# ebbfs: a crash-safe write-back cache in front of a directory. `make` lists what can be made.

SWIFT ?= $(shell command -v swift || echo /opt/swift/usr/bin/swift)
BACKING ?= $(HOME)/ebbfs/backing
MOUNTPOINT ?= $(HOME)/ebbfs/mountpoint
BINARY = $(CURDIR)/.build/release/ebbfs
SCRIPTS = .ci/run .ci/run-tests .ci/install-packages .ci/check-binary .ci/make-deb .ci/check-package Mount/mount.fuse.ebbfs Tests/Fuzz/run.sh Tests/MountTests/Sshfs/sshd.sh \
  Tests/MountTests/Golden/record.sh
PREFIX ?= /usr/local
# Debian's own packages have zsh's completions in vendor-completions.
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
# For `ebbfs --version`; a source tree without git does not know it.
export EBBFS_COMMIT := $(shell git -C '$(CURDIR)' describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)
# The longest first: they run side by side.
FUZZ_TARGETS = OptionParser ControlDecoder JournalReader
FUZZ_SECONDS ?= 10

.PHONY: help build install deb check-deb run demo recording test check report fuzz sim torture torture-apps bench bench-quick clean
.DEFAULT_GOAL := help

help:
	@echo 'make run    build, mount $(BACKING) on $(MOUNTPOINT)'
	@echo '            (BACKING=DIR and MOUNTPOINT=DIR choose others)'
	@echo 'make demo   a slow directory, a flood of files and kill -9, shown in a minute (root)'
	@echo 'make recording  runs the session of the README anew and draws it (root)'
	@echo 'make build  build the release binary, .build/release/ebbfs'
	@echo 'make install  install what make build has built below PREFIX=$(PREFIX) (DESTDIR=DIR: into DIR)'
	@echo 'make deb    build a Debian package, .build/ebbfs_VERSION_ARCHITECTURE.deb'
	@echo 'make check-deb  the same, looked over by lintian, man, systemd and the shells'
	@echo 'make test   run all tests, those on real mounts included'
	@echo 'make check  style, warnings as errors, what the binary links, the fuzzers for a minute'
	@echo 'make report  draws the page of `ebbfs report` in headless Chromium and looks at it (a minute, root)'
	@echo 'make fuzz   the fuzzers for FUZZ_SECONDS=$(FUZZ_SECONDS) each, as in make check; CANARY=canary finds planted bugs'
	@echo 'make sim    the crash simulations in full (long; SEEDS=N HOURS=H choose the seeds and bound each test)'
	@echo 'make torture  kills, failing disks, power cuts, storms and leaks on real mounts; ends with a table (long)'
	@echo 'make torture-apps  sqlite, git, PostgreSQL, Redis, etcd and RocksDB under kill -9 and power cuts (long)'
	@echo 'make bench  measures ebbfs beside rclone, sshfs, bindfs and others; writes bench.json, bench.svg (hours)'
	@echo 'make bench-quick  the same rows, small, in ten minutes'
	@echo 'make clean  remove what was built'

build:
	@.ci/install-packages build
	$(SWIFT) build -c release --static-swift-stdlib --product ebbfs

# Needs no compiler where everything is built.
$(BINARY):
	$(MAKE) build

# mount(8) looks for its helpers in /sbin only, which is /usr/sbin.
install: $(BINARY)
	install -D -m 755 '$(BINARY)' '$(DESTDIR)$(PREFIX)/bin/ebbfs'
	install -D -m 755 Mount/mount.fuse.ebbfs '$(DESTDIR)/usr/sbin/mount.fuse.ebbfs'
	ln -sf mount.fuse.ebbfs '$(DESTDIR)/usr/sbin/mount.ebbfs'
	install -D -m 644 'Mount/ebbfs@.service' '$(DESTDIR)$(PREFIX)/lib/systemd/system/ebbfs@.service'
	install -d '$(DESTDIR)$(PREFIX)/share/man/man8' '$(DESTDIR)$(PREFIX)/share/man/man5' '$(DESTDIR)$(ZSH_COMPLETIONS)' \
	  '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d' \
	  '$(DESTDIR)$(PREFIX)/share/doc/ebbfs/examples'
	for page in ebbfs.8 ebbfs-journal.8 mount.ebbfs.8 ebbfs.rules.5; do \
	  '$(BINARY)' documentation $$page > '$(DESTDIR)$(PREFIX)/share/man/man'$${page##*.}/$$page || exit 1; done
	ln -sf mount.ebbfs.8 '$(DESTDIR)$(PREFIX)/share/man/man8/mount.fuse.ebbfs.8'
	'$(BINARY)' documentation bash > '$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ebbfs'
	'$(BINARY)' documentation zsh > '$(DESTDIR)$(ZSH_COMPLETIONS)/_ebbfs'
	'$(BINARY)' documentation fish > '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/ebbfs.fish'
	install -m 644 README.md CHANGELOG.md '$(DESTDIR)$(PREFIX)/share/doc/ebbfs'
	install -m 644 Mount/README.md '$(DESTDIR)$(PREFIX)/share/doc/ebbfs/operating.md'
	install -m 644 Mount/examples/* '$(DESTDIR)$(PREFIX)/share/doc/ebbfs/examples'

deb: build
	@.ci/install-packages deb
	.ci/make-deb '$(BINARY)'

check-deb: deb
	@.ci/install-packages package
	.ci/check-package "$$(ls -t .build/ebbfs_*.deb | head -n 1)"

run: build
	@mkdir -p '$(BACKING)' '$(MOUNTPOINT)'
	@if $(BINARY) status '$(MOUNTPOINT)' >/dev/null 2>&1; then echo 'already mounted'; \
	else $(BINARY) '$(BACKING)' '$(MOUNTPOINT)'; fi
	@echo
	@echo 'Write to          $(MOUNTPOINT)'
	@echo 'It arrives in     $(BACKING)'
	@echo 'See the status:   $(BINARY) status $(MOUNTPOINT)'
	@echo 'Unmount:          $(BINARY) unmount $(MOUNTPOINT)'

demo: build
	@python3 Tests/Torture/demo.py '$(BINARY)'

recording: build
	@python3 Tests/Recording/record.py '$(BINARY)' Tests/Recording/session.svg

# The tests on real mounts take the release binary, as users do.
test: build
	@.ci/install-packages test
	@test -c /dev/fuse || { echo '/dev/fuse is missing: the tests on real mounts cannot run' >&2; exit 1; }
	EBBFS_BINARY='$(BINARY)' .ci/run-tests $(SWIFT)

check: build
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter TidyTests
	@for script in $(SCRIPTS); do sh -n $$script || exit 1; done
	@.ci/check-binary '$(BINARY)'
	@$(MAKE) --no-print-directory fuzz

report: build
	@.ci/install-packages report
	python3 Tests/MountTests/Report/chromium.py '$(BINARY)'

fuzz:
	@printf '%s\n' $(FUZZ_TARGETS) | SWIFT='$(SWIFT)' xargs -P "$$(nproc)" -I TARGET Tests/Fuzz/run.sh TARGET $(FUZZ_SECONDS) $(CANARY)

# SEEDS, the first of the seeds, repeats a run; HOURS bounds each test. EBBFS_SIM_THREADS is all processors by default. A long enumeration
# can be cut into parts with EBBFS_SIM_SHARD=1/3, 2/3, 3/3 and one SEEDS, or taken up again with EBBFS_SIM_FIRST=N.
sim:
	@.ci/install-packages build
	$(if $(SEEDS),EBBFS_SEED=$(SEEDS)) $(if $(HOURS),EBBFS_SIM_SECONDS=$$(awk 'BEGIN { print $(HOURS) * 3600 }')) EBBFS_SIM_FULL=1 $(SWIFT) test -c release -Xswiftc -enable-testing --scratch-path .build/sim --filter SimulationTests

# Both end with a table, a row for each scenario. TORTURE_OPTIONS='--only soak' runs some, '--quick' tries all.
torture: build
	@.ci/install-packages torture
	python3 Tests/Torture/all.py $(BINARY) $(TORTURE_OPTIONS)

torture-apps: build
	@.ci/install-packages apps
	python3 Tests/Torture/all.py $(BINARY) --apps $(TORTURE_OPTIONS)

# BENCH_OPTIONS='--only slow-untar,fio-randwrite-4k --columns ebbfs,sshfs --repeats 5', '--list'; Debian's Python has Debian's matplotlib.
bench: build
	@.ci/install-packages bench
	/usr/bin/python3 Tests/Benchmarks/bench.py '$(BINARY)' $(BENCH_OPTIONS)

bench-quick: build
	@.ci/install-packages bench
	/usr/bin/python3 Tests/Benchmarks/bench.py '$(BINARY)' --quick $(BENCH_OPTIONS)

clean:
	rm -rf .build
