#!/usr/bin/env python3
"""Checks what the bench makes of figures. Usage: test_bench.py"""
import unittest
import goals, inputs, processors, table
from results import Results
from rows import QUICK, Row, Sizes

SECONDS = Row("slow-untar-20", "untar")
RATE = Row("create-1", "create", "/s", "commits_1", 2, is_synced=True)


def results(cells):
    found = Results([SECONDS, RATE], ["ebbfs", "native", "sshfs", "rclone-full"], {})
    for row, column, figures, error in cells: found.add(row.name, column, figures, error)
    return found


class BenchTests(unittest.TestCase):
    def test_the_median_of_repetitions_counts(self):
        found = results([(SECONDS, "ebbfs", {"returned": seconds}, None) for seconds in (9, 1, 2)])
        self.assertEqual(found.value("slow-untar-20", "ebbfs"), 2)
        about = found.as_json([])["rows"]["slow-untar-20"]["columns"]["ebbfs"]["returned"]
        self.assertEqual(about, {"median": 2, "least": 1, "most": 9, "all": [9, 1, 2]})

    def test_a_cell_that_others_disturb_is_run_again_and_the_calmest_counts(self):
        def run(shares, tries):
            clock = iter([tick for share in shares for tick in ((0, 0), (share, 100))])
            runs = iter(range(len(shares)))
            return processors.calmest(lambda: next(runs), tries, lambda: next(clock))
        self.assertEqual(run([4], 2), (0, 0.04))
        self.assertEqual(run([30, 10, 20], 2), (1, 0.1))
        self.assertEqual(run([30, 5], 2), (1, 0.05))
        self.assertEqual(run([30], 0), (0, 0.3))
        stolen, whole = processors.times()
        self.assertLessEqual(stolen, whole)

    def test_a_ratio_above_one_is_faster_whatever_the_unit(self):
        found = results([(SECONDS, "ebbfs", {"returned": 1}, None), (SECONDS, "sshfs", {"returned": 4}, None),
                         (RATE, "ebbfs", {"returned": 30}, None), (RATE, "native", {"returned": 10}, None)])
        self.assertEqual(found.ratio("slow-untar-20", "ebbfs", "sshfs"), 4)
        self.assertEqual(found.ratio("create-1", "ebbfs", "native"), 3)
        self.assertIsNone(found.ratio("create-1", "ebbfs", "sshfs"))

    def test_a_goal_is_met_missed_or_left_out(self):
        for seconds, outcome in ((0.01, "met"), (1, "missed")):
            found = results([(SECONDS, "ebbfs", {"returned": seconds}, None), (SECONDS, "sshfs", {"returned": 100}, None)])
            self.assertEqual([goal["outcome"] for goal in goals.outcomes(found, QUICK)], [outcome])
        self.assertEqual(goals.outcomes(results([]), QUICK), [])

    def test_cells_say_what_is_missing_and_why(self):
        found = results([(SECONDS, "ebbfs", {"returned": 0.25, "landed": 30}, None), (SECONDS, "sshfs", {}, "timeout"),
                         (RATE, "rclone-full", {"returned": 1234}, None), (RATE, "native", {"returned": 10}, None)])
        found.add_floors({"commits_1": 500})
        lines = table.lines(found, Sizes(), [SECONDS, RATE])
        self.assertEqual(lines[1], ["untar", "s", "-", "0.250 / 30.0", "-", "timeout", "-"])
        self.assertEqual(lines[2], ["create", "/s", "1,000", "-", "10.0", "-", "1,234*"])

    def test_columns_of_the_table_are_straight(self):
        self.assertEqual(table.layout([["a", "1"], ["long", "100"]]), "a       1\nlong  100")

    def test_trees_are_the_same_every_time(self):
        self.assertEqual(list(inputs.tree(100)), list(inputs.tree(100)))
        sizes = [size for _, size in inputs.tree(2000)]
        self.assertTrue(18e6 < sum(sizes) < 24e6, sum(sizes))
        self.assertEqual(len({name.rsplit("/", 1)[0] for name, _ in inputs.tree(2000)}), 167)


if __name__ == "__main__": unittest.main()
