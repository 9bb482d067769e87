"""How much of this machine's processors others take: on a virtual machine whole halves of them, for seconds or minutes."""

CALM = 0.05


def times():
    """Stolen and all time of all processors since the start, in ticks."""
    with open("/proc/stat") as file: ticks = [int(word) for word in file.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def calmest(run, tries, times=times):
    """Runs once, and up to `tries` times again while others took more than CALM of the time.

    Returns what the run gave during which they took least, and their share. What it gave has no part in the choice."""
    calmest = None
    for _ in range(1 + tries):
        stolen, all_before = times()
        came = run()
        stolen_after, all_after = times()
        share = (stolen_after - stolen) / max(1, all_after - all_before)
        if calmest is None or share < calmest[1]: calmest = came, share
        if share <= CALM: break
    return calmest
