"""After the tests of the doctor: the confusion table, from what each test saw."""

from __future__ import annotations

import pytest
from confusion import (
    BEGIN,
    PAGE,
    RANDOM,
    SEEN,
    Look,
    is_whole,
    on_the_page,
    table,
    write_on_the_page,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-table", action="store_true", help="put the confusion table into docs/doctor.md"
    )


def seen_by(session_reports: dict[str, list], name: str) -> list:
    reports = [r for kind in ("passed", "failed") for r in session_reports.get(kind, [])]
    given = [pair for r in reports for pair in getattr(r, "user_properties", [])]
    return [value for key, value in given if key == name]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A page that shows another table than the whole run has found is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    looks = [Look(*value) for value in seen_by(reporter.stats, SEEN)]
    if not is_whole(looks):
        return
    lines = table(looks)
    if session.config.getoption("write_table", False):
        write_on_the_page(lines)
    elif on_the_page() != lines and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    looks = [Look(*value) for value in seen_by(terminalreporter.stats, SEEN)]
    if not is_whole(looks):
        return
    terminalreporter.section("the doctor's confusion table")
    lines = table(looks)
    for line in lines:
        terminalreporter.write_line(line)
    counts = seen_by(terminalreporter.stats, RANDOM)
    if counts:
        cases, alarms = (sum(each) for each in zip(*counts, strict=True))
        terminalreporter.write_line(f"{cases:,} random right cases: {alarms} false alarms")
    if on_the_page() != lines:
        terminalreporter.write_line(
            f"{PAGE.name} shows another table after {BEGIN!r}: make doctor ARGS=--write-table",
            red=True,
        )
