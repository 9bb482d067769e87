"""What was measured: for each row and column all repetitions, and what is made of them."""
import json, os, statistics


class Results:
    """`rows` by name; `cells[row][column]` is {"returned": [...], "landed": [...], ..., "error": word or absent}."""

    def __init__(self, rows, columns, about):
        self.rows, self.columns, self.about = rows, columns, about
        self.cells = {row.name: {} for row in rows}
        self.floors = {}

    def add(self, row, column, figures, error=None):
        cell = self.cells[row].setdefault(column, {})
        for name, value in figures.items():
            if isinstance(value, (int, float)): cell.setdefault(name, []).append(value)
            else: cell[name] = value
        if error: cell["error"] = error

    def value(self, row, column, name="returned"):
        """The median, or None."""
        measured = self.cells.get(row, {}).get(column, {}).get(name)
        return statistics.median(measured) if measured else None

    def error(self, row, column): return self.cells[row].get(column, {}).get("error")

    def ratio(self, row, column, other, name="returned", other_name="returned"):
        """How many times better `column` is than `other`: above 1 is better, whatever the unit."""
        a, b = self.value(row, column, name), self.value(row, other, other_name)
        if not a or not b: return None
        unit = next(each.unit for each in self.rows if each.name == row)
        return b / a if unit == "s" else a / b

    def floor(self, row, sizes): return row.floor_value(self.floor_medians(), sizes) or self.value(row.name, "native")

    def floor_medians(self): return {name: statistics.median(values) for name, values in self.floors.items()}

    def add_floors(self, floors):
        for name, value in floors.items(): self.floors.setdefault(name, []).append(value)

    def as_json(self, goals):
        columns = {row: {column: summary(cell) for column, cell in cells.items()} for row, cells in self.cells.items()}
        cells = {row.name: {"title": row.title, "unit": row.unit, "columns": columns[row.name]} for row in self.rows}
        return {"about": self.about, "floors": summary(self.floors), "rows": cells, "goals": goals}

    def write(self, path, goals):
        with open(path + ".new", "w") as file: json.dump(self.as_json(goals), file, indent=1)
        os.replace(path + ".new", path)


def summary(cell):
    """Lists of numbers become their median, spread and members; the rest stays."""
    return {name: spread(value) if isinstance(value, list) else value for name, value in cell.items()}


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": values}
