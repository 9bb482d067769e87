"""The results as text."""

UNSYNCED = ("rclone-writes", "rclone-full")   # their fsync does nothing


def number(value):
    """Three digits that count, and no more."""
    if value is None: return "-"
    if value == 0: return "0"
    if abs(value) >= 100: return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def cell(results, row, column):
    """`returned`, or `returned / landed` when the second took longer; the failure's word; `-`."""
    value, landed = results.value(row.name, column), results.value(row.name, column, "landed")
    word = results.error(row.name, column)
    if value is None: return word or "-"
    text = number(value) + ("*" if row.is_synced and column in UNSYNCED else "")
    if landed is not None and landed > value * 1.02 + 0.01: text += " / " + number(landed)
    return text + (f" ({word})" if word else "")


def layout(lines, left=1):
    """Columns of equal width, the first `left` of them flush left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    def padded(line): return [text.ljust(w) if i < left else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths))]
    return "\n".join("  ".join(padded(line)).rstrip() for line in lines)


def lines(results, sizes, rows):
    """The rows that were measured, as texts; the first are the headings."""
    rows = [row for row in rows if results.cells[row.name]]
    used = [name for name in results.columns if any(name in results.cells[row.name] for row in rows)]
    found = [["row", "unit", "floor", *used]]
    for row in rows:
        found.append([row.title, row.unit, number(results.floor(row, sizes)), *(cell(results, row, name) for name in used)])
    return found


def markdown(lines):
    """Lines of texts as a table of a README."""
    return "\n".join("| " + " | ".join(texts) + " |" for texts in [lines[0], ["---"] * len(lines[0]), *lines[1:]])


def own_lines(results):
    """`native` is the same on the local disk, where that says something."""
    rows = [row for row in results.rows if row.is_own and results.cells[row.name]]
    columns = [name for name in results.columns if any(name in results.cells[row.name] for row in rows)]
    heading = ["figure", "unit", *columns]
    return [heading, *([row.title, row.unit, *(cell(results, row, name) for name in columns)] for row in rows)]


def goal_lines(goals):
    return [["goal", "outcome", "measured", "wanted"],
            *([goal["goal"], goal["outcome"], number(goal["measured"]), goal["wanted"]] for goal in goals)]


def report(results, sizes, goals, draw):
    """All tables, each drawn by `draw(lines, left)`."""
    rows = [row for row in results.rows if not row.is_own]
    slow = lines(results, sizes, [row for row in rows if row.name.startswith("slow-")])
    fast = lines(results, sizes, [row for row in rows if not row.name.startswith("slow-")])
    tables = [("In front of a far server: until the command returns / until all is on the server", slow, 1),
              ("In front of a local directory", fast, 1), ("Of ebbfs alone", own_lines(results), 1),
              ("Goals", goal_lines(goals), 2)]
    notes = ["* answers fsync and syncs nothing"] if any("*" in text for line in fast for text in line) else []
    return "\n\n".join([*(f"{title}\n\n{draw(found, left)}" for title, found, left in tables if len(found) > 1), *notes])
