import io
import re

import pytest
from rich.console import Console

from spigot.training.report import Meter, Report

ROW = {
    "epoch": 3,
    "loss": {"semantics": 1.23456, "syntax": 0.5},
    "dev": {"uas": 0.91234, "lf": 0.5},
    "sentences_per_second": 41.6,
}


def console(terminal=False, width=200):
    return Console(file=io.StringIO(), force_terminal=terminal, width=width)


def test_the_line_of_an_epoch():
    output = console()
    report = Report(output)
    report.epoch(ROW, best=True)
    report.epoch(ROW, best=False)
    first, second = output.file.getvalue().splitlines()
    assert second == "epoch 3  loss semantics 1.235  loss syntax 0.500  dev UAS 91.23  dev LF 50.00  42 sentences/s"
    assert first == second + "  (best so far)"


def test_brackets_are_not_markup():
    output = console()
    Report(output).line("run [bold]1[/bold] " + "x" * 300)
    assert output.file.getvalue() == "run [bold]1[/bold] " + "x" * 300 + "\n"


def test_other_processes_are_quiet():
    output = console(terminal=True)
    report = Report(output, quiet=True)
    report.line("one")
    report.epoch(ROW, best=True)
    assert [item for item, _ in report.track("abc", "title", 3, 0)] == ["a", "b", "c"]
    assert output.file.getvalue() == ""


def test_the_bar_shows_loss_and_speed_on_a_terminal_alone():
    for terminal in (True, False):
        output = console(terminal)
        for item, meter in Report(output).track([4.0, 8.0], "epoch 1/2", 12, 10):
            meter.add("syntax", item, 2)
        shown = output.file.getvalue()
        assert ("epoch 1/2" in shown and "syntax 3.000" in shown and "12/12" in shown) == terminal


def test_steps_and_the_time_that_is_left_are_whole_at_80_columns():
    output = console(terminal=True, width=80)
    for _, meter in Report(output).track(range(300), "epoch 12", 300, 0):
        for task in ("semantics", "syntax"):
            meter.add(task, 123.4, 1)
    last = re.sub(r"\x1b\[[0-9;]*[mK]", "", output.file.getvalue()).splitlines()[-3:]
    assert any(re.search(r" 300/300 semantics .* 0:00:00\b", line) for line in last), last


def test_the_meter_averages_over_sentences():
    meter = Meter()
    meter.add("syntax", 6.0, 2)
    meter.add("syntax", 0.0, 1)
    meter.add("semantics", 1.0, 1)
    assert str(meter).startswith("syntax 2.000  semantics 1.000  ")
    meter.start -= 10
    assert meter.speed == pytest.approx(0.4, rel=0.01)
