"""The chart: for each row how many times faster each column is than the backing directory used directly."""
import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402, it must know first that there is no screen

MARKS = {"ebbfs": ("#d62728", "o"), "ebbfs, landed": ("#d62728", "|"), "passthrough": ("#1f77b4", "s"),
         "passthrough-wb": ("#1f77b4", "^"), "bindfs": ("#2ca02c", "v"), "mergerfs": ("#9467bd", "D"),
         "sshfs-caches": ("#8c564b", "P"), "rclone-writes": ("#ff7f0e", "<"), "rclone-full": ("#ff7f0e", ">"),
         "native": ("#7f7f7f", "x")}


def series(results, rows, reference):
    """(label, xs, ys) for each column: ratios to `reference`, at the number of the row."""
    wanted = [(name, name, "returned") for name in results.columns if name != reference] + [("ebbfs, landed", "ebbfs", "landed")]
    for label, column, name in wanted:
        points = [(results.ratio(row.name, column, reference, name), place) for place, row in enumerate(rows)]
        points = [(ratio, place) for ratio, place in points if ratio]
        if points: yield label, [ratio for ratio, _ in points], [place for _, place in points]


def draw_panel(axes, results, rows, reference, title):
    rows = [row for row in rows if results.value(row.name, "ebbfs")]
    for place in range(len(rows)): axes.axhline(place, color="#eeeeee", zorder=0)
    axes.axvline(1, color="black", linewidth=1)
    for label, ratios, places in series(results, rows, reference):
        color, mark = MARKS.get(label, ("black", "."))
        size = 90 if label.startswith("ebbfs") else 32
        axes.scatter(ratios, places, c=color, marker=mark, s=size, label=label, zorder=4 if label.startswith("ebbfs") else 3)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(f"times faster than {'sshfs' if reference == 'sshfs' else 'the directory itself'} (right is better)")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def draw(results, path):
    """Writes PATH.svg and PATH.png; nothing without rows to compare."""
    rows = [row for row in results.rows if not row.is_own]
    slow = [row for row in rows if row.name.startswith("slow-") and results.value(row.name, "sshfs")]
    fast = [row for row in rows if not row.name.startswith("slow-") and results.value(row.name, "native")]
    panels = [(slow, "sshfs", "In front of a far server (sshfs)"), (fast, "native", "In front of a local directory (ext4)")]
    panels = [panel for panel in panels if any(results.value(row.name, "ebbfs") for row in panel[0])]
    if not panels: return
    heights = [len(rows) + 3 for rows, _, _ in panels]
    figure, places = pyplot.subplots(len(panels), 1, figsize=(11, 0.3 * sum(heights)), height_ratios=heights, squeeze=False)
    for axes, (rows, reference, title) in zip(places[:, 0], panels): draw_panel(axes, results, rows, reference, title)
    figure.tight_layout()
    for kind in ("svg", "png"): figure.savefig(f"{path}.{kind}", dpi=110)
    pyplot.close(figure)
