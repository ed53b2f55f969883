"""The report of a search: one page, with the pictures beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from zerokara._version import __version__
from zerokara.errors import DataError, MissingExtraError
from zerokara.files import replace_file
from zerokara.search import plots
from zerokara.search.result import LEAST, Result, Tried
from zerokara.search.space import as_range, can_be_passed, params_in_words, value_in_words

REPORT, PICTURES = "report.html", "pictures"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
img { max-width: 100%; height: auto }
table { border-collapse: collapse; font-size: 0.9rem }
th, td { text-align: right; padding: 0.15rem 0.7rem; border-bottom: 1px solid #ddd;
         font-variant-numeric: tabular-nums }
th:nth-child(2), td:nth-child(2) { text-align: left }
table.facts th, table.facts td { text-align: left }
pre { background: #f4f4f4; padding: 0.6rem; overflow-x: auto }
.wide { overflow-x: auto }
.pruned, .diverged, .failed, .unfinished { color: #767676 }
"""


def write_report(
    result: Result, plan: Mapping[str, Any], facts: Mapping[str, Any], *, redraw: bool = True
) -> Path:
    """Write report.html and its pictures into the search's folder; where it lies.

    Without matplotlib the page has no pictures and says so.

    Args:
        result: all trials.
        plan: what was varied, and what all trials share.
        facts: more by name; text that is shown as it is, 'command' as a line to type.
        redraw: whether pictures that are there already are drawn again.

    Raises:
        DataError: a file cannot be written.
    """
    folder = result.folder
    missing = ""
    try:
        pictures = _draw(result, folder / PICTURES, redraw)
    except MissingExtraError as error:
        pictures, missing = {}, str(error)
    page = "\n".join(_page(result, plan, facts, pictures, missing))
    path = folder / REPORT
    try:
        replace_file(path, page.encode())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def _draw(result: Result, folder: Path, redraw: bool) -> dict[str, str]:
    """Names of pictures to what they show."""
    folder.mkdir(exist_ok=True)
    wanted: dict[str, tuple[str, Callable[[Path], Any]]] = {}
    if any(trial.value is not None for trial in result.trials):
        wanted["history.png"] = (
            "Accuracy of each trial by its number, and the best so far",
            lambda path: plots.plot_history(result, path),
        )
    if result.ranked:
        wanted["curves.png"] = (
            "Learning curves of the best trials",
            lambda path: plots.plot_curves(result, path),
        )
        wanted["parameters.png"] = (
            "Accuracy over each hyperparameter",
            lambda path: plots.plot_parameters(result, path),
        )
        numbers = plots.numbers_varied(result.trials)
        if len(numbers) > 1:
            first, second = numbers[:2]
            wanted["pair.png"] = (
                f"The trials in the plane of {first} and {second}",
                lambda path: plots.plot_pair(result, first, second, path),
            )
    if result.importances:
        wanted["importances.png"] = (
            "How much each hyperparameter decides",
            lambda path: plots.plot_importances(result, path),
        )
    for name, (_, draw) in wanted.items():
        if redraw or not (folder / name).exists():
            draw(folder / name)
    return {name: text for name, (text, _) in wanted.items()}


def _page(
    result: Result,
    plan: Mapping[str, Any],
    facts: Mapping[str, Any],
    pictures: Mapping[str, str],
    missing: str,
) -> list[str]:
    title = escape(str(facts.get("title", "Search")))
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *_best(result, plan, facts),
        *_shared(result, plan, facts),
    ]
    for name, text in pictures.items():
        lines += [f"<h2>{escape(text)}</h2>", _image(name, text)]
        if name == "curves.png":
            lines.append("<p>Solid: validation. Dashed: train. The best comes first.</p>")
    if missing:
        lines.append(f"<p>No pictures: {escape(missing)}.</p>")
    if not result.importances and len(plan["vary"]) > 1:
        lines.append(
            f"<p>How much each hyperparameter decides is not shown: that takes {LEAST} complete "
            f"trials, and there are {len(result.ranked)}.</p>"
        )
    return [*lines, *_table(result), "</body></html>", ""]


def _best(result: Result, plan: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    best = result.best
    if best is None:
        return ["<p>No trial is complete yet.</p>"]
    lines = [
        f"<p>The best of {len(result.trials)} trials is number {best.number}: validation accuracy "
        f"<b>{best.value:.2%}</b> with {escape(params_in_words(best.params))}.</p>"
    ]
    for name, words in plan["vary"].items():
        side = as_range(name, words).edge(best.params[name])
        if side and can_be_passed(name, words, side):
            lines.append(
                f"<p>Its {escape(name)} lies at the {side} end of what was tried: a wider range "
                "may hold a better one.</p>"
            )
    if "test" in facts:
        lines.append(
            f"<p>{escape(str(facts['test']))} The test set was not looked at before. "
            "The validation accuracy was chosen by, so it is a little too good.</p>"
        )
    if "command" in facts:
        lines += [
            "<p>The same model again, to the bit on this machine:</p>",
            f"<pre>{escape(str(facts['command']))}</pre>",
        ]
    return lines


def _shared(result: Result, plan: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    kept = plan["validation"]
    rows = {
        "trials": ", ".join(
            f"{result.count(state)} {state}"
            for state in ("complete", "pruned", "diverged", "failed", "unfinished")
            if result.count(state)
        ),
        "varied": "; ".join(f"{name} ({as_range(name, w)})" for name, w in plan["vary"].items()),
        "the same in all": params_in_words(plan["fixed"]) or "nothing was fixed; defaults",
        "each trial": f"{plan['epochs']} epochs, batches of {plan['batch_size']}",
        "judged by": "samples given for it"
        if kept is None
        else f"{kept:.0%} of the training samples, kept out of all trials",
        "proposed by": {"tpe": "TPE", "random": "chance"}[plan["sampler"]],
        "given up early": "below the median" if plan["prune"] else "never",
        "seed": plan["seed"],
        "time in trials": f"{sum(trial.seconds or 0 for trial in result.trials):.1f} s",
        **facts.get("rows", {}),
        "zerokara": __version__,
    }
    cells = [f"<tr><th>{escape(k)}</th><td>{escape(str(v))}</td></tr>" for k, v in rows.items()]
    return ['<table class="facts">', *cells, "</table>"]


def _table(result: Result) -> list[str]:
    names = list(dict.fromkeys(name for trial in result.trials for name in trial.params))
    others = [trial for trial in result.trials if trial.state != "complete"]
    others.sort(key=lambda trial: (-(trial.value or -1.0), trial.number))
    head = "".join(
        f"<th>{escape(word)}</th>"
        for word in ("trial", "state", "accuracy", *names, "epochs", "seconds", "seed")
    )
    rows = [_row(trial, names) for trial in (*result.ranked, *others)]
    return [
        "<h2>All trials</h2>",
        '<div class="wide"><table>',
        f"<tr>{head}</tr>",
        *rows,
        "</table></div>",
    ]


def _row(trial: Tried, names: list[str]) -> str:
    cells = [
        trial.number,
        trial.state,
        "" if trial.value is None else f"{trial.value:.4f}",
        *(value_in_words(trial.params.get(name, "")) for name in names),
        len(trial.validation_accuracy),
        "" if trial.seconds is None else f"{trial.seconds:.1f}",
        "" if trial.seed is None else trial.seed,
    ]
    inside = "".join(f"<td>{escape(str(cell))}</td>" for cell in cells)
    return f'<tr class="{trial.state}">{inside}</tr>'


def _image(name: str, text: str) -> str:
    return f'<p><img src="{PICTURES}/{name}" alt="{escape(text)}"></p>'
