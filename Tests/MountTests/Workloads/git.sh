# A repository is made elsewhere, cloned here, checked, committed to, branched, merged, packed and cleaned.
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 LC_ALL=C
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
git init -q -b main "$SCRATCH/origin"
for i in $(seq 150); do mkdir -p "$SCRATCH/origin/d$((i % 12))"; seq "$i" $((i * 7)) > "$SCRATCH/origin/d$((i % 12))/file$i"; done
git -C "$SCRATCH/origin" add -A
git -C "$SCRATCH/origin" commit -q -m first
git clone -q --no-hardlinks "$SCRATCH/origin" clone
cd clone
git fsck --full --strict 2>&1
git status --porcelain
git log --format='%H %s'
git checkout -q -b topic
for i in $(seq 40); do echo "change $i" >> "d$((i % 12))/file$i"; done
git mv d1 moved
rm -r d2
git add -A
git commit -q -m second
git checkout -q main
echo other > new
git add new
git commit -q -m third
git merge -q -m merged topic
git log --format='%H %s'
git repack -q -a -d
git gc -q --prune=now
git fsck --full --strict 2>&1
git stash list
git status --porcelain
git diff --stat main topic | tail -n 1
git worktree add -q ../tree topic
git -C ../tree status --porcelain
rm -rf .git/gc.log .git/logs ../.gitconfig ../clone/.git/index ../clone/.git/worktrees/tree/index ../tree/.git
find . -name '*.sample' -delete
git reset -q
git status --porcelain
rm -f .git/index .git/FETCH_HEAD .git/worktrees/tree/gitdir
# The order of objects in a pack is not the same for two runs; fsck has read them all.
rm -rf .git/objects .git/config
