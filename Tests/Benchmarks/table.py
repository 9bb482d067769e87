"""The results as text."""


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
    text = number(value)
    if landed is not None and landed > value * 1.02 + 0.01: text += " / " + number(landed)
    return text + (f" ({word})" if word else "")


def layout(lines, left=1):
    """Columns of equal width, the first `left` of them flush left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) if i < left else text.rjust(width) for i, (text, width) in enumerate(zip(line, widths)))
                     .rstrip() for line in lines)


def table(results, sizes, rows=None):
    rows = [row for row in rows or results.rows if results.cells[row.name]]
    used = [name for name in results.columns if any(name in results.cells[row.name] for row in rows)]
    lines = [["row", "unit", "floor", *used]]
    for row in rows:
        lines.append([row.title, row.unit, number(results.floor(row, sizes)), *(cell(results, row, name) for name in used)])
    return layout(lines)


def markdown(results, sizes, rows):
    """The same for a README."""
    text = table_lines = []
    used = [name for name in results.columns if any(name in results.cells[row.name] for row in rows)]
    text = ["| row | unit | floor | " + " | ".join(used) + " |", "|---|---|" + "---|" * (len(used) + 1)]
    for row in rows:
        table_lines = [row.title, row.unit, number(results.floor(row, sizes)), *(cell(results, row, name) for name in used)]
        text.append("| " + " | ".join(table_lines) + " |")
    return "\n".join(text)


def figures_table(figures):
    lines = [["figure", "value", "unit"]]
    for name, figure in figures.items(): lines.append([name, number(figure["median"]) if "median" in figure else figure["error"], figure["unit"]])
    return layout(lines)


def goals_table(goals):
    lines = [["goal", "outcome", "measured", "wanted"]]
    for goal in goals: lines.append([goal["goal"], goal["outcome"], number(goal["measured"]), goal["wanted"]])
    return layout(lines, left=2)
