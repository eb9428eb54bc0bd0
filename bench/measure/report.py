"""What comes out of a run: text for the terminal, Markdown, JSON, docs/performance.md."""

import json
import os
import shutil

from measure.rows import judge

BEGIN = "<!-- written by bench/run --write: begin -->"
END = "<!-- written by bench/run --write: end -->"
UNITS_OF_ROWS = {"×": "×", "bytes": " B"}


def as_text(figures):
    lines = [f"{'':62}{'median':>12}{'lowest':>12}{'highest':>12}"]
    for label, unit, median, lowest, highest in figures.shown():
        lines.append(f"{label:62}{median:>12}{lowest:>12}{highest:>12}  {unit}")
    return "\n".join(lines)


def judged_as_text(judged):
    lines = []
    for row in judged:
        lines.append(f"{row.verdict:13}{quantity(row.value, row.unit):>12}"
                     f"  (reach {quantity(row.reach, row.unit)}, aim {quantity(row.aim, row.unit)})"
                     f"  {row.work}")
    return "\n".join(lines)


def quantity(value, unit):
    """With as many digits as tell something."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text + UNITS_OF_ROWS.get(unit, " " + unit)


def machine_as_markdown(facts):
    flags = f" with `{' '.join(facts['server_flags'])}`" if facts["server_flags"] else ""
    lines = [
        f"{facts['date']}, commit {facts['commit']}: {facts['server']}{flags}.",
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_bytes'] / 1e9:.0f} GB, Linux"
        f" {facts['kernel']}, {facts['file_system']} on {facts['disk']}: one fdatasync of 4 KiB"
        f" takes {facts['fdatasync_ms']:.3f} ms. Load average {facts['load_average']:.2f} at the"
        " start. Load generator beside the server.",
        f"Medians of {facts['rounds']} rounds of {facts['seconds']:g} s, of {facts['large_rounds']}"
        f" where sizes are large, of {facts['curve_rounds']} for the curves.",
    ]
    if facts["scale"] != 1:
        lines.append(f"**Sizes are {facts['scale']:g} of the table's: a trial, not a result.**")
    versions = ", ".join(facts["peers"].values())
    lines.append(f"Peers: {versions or 'none'}.")
    for peer, why in facts["without"].items():
        lines.append(f"Without {peer}: {why}.")
    return lines


def judged_as_markdown(judged):
    lines = ["| work | reach | aim | measured | |", "| --- | --- | --- | --- | --- |"]
    for row in judged:
        shown = [quantity(value, row.unit) for value in (row.reach, row.aim, row.value)]
        lines.append(f"| {row.work} | {' | '.join(shown)} | {row.verdict} |")
    return lines


def figures_as_markdown(figures):
    lines = ["| figure | median | lowest … highest | unit |", "| --- | --- | --- | --- |"]
    for label, unit, median, lowest, highest in figures.shown():
        lines.append(f"| {label} | {median} | {lowest} … {highest} | {unit} |")
    return lines


def as_markdown(facts, figures, judged, plots, folder=""):
    """`plots`: names of SVG files, in `folder` as seen from where the text will be."""
    lines = [*machine_as_markdown(facts), "", *judged_as_markdown(judged), ""]
    if plots:
        lines += ["### How cost grows", ""]
        lines += [f"![{os.path.splitext(name)[0]}]({os.path.join(folder, name)})" for name in plots]
        lines.append("")
    lines += ["### Every figure", "", *figures_as_markdown(figures)]
    return "\n".join(lines) + "\n"


def as_json(facts, run):
    return json.dumps({
        "facts": facts,
        "rounds": [{"round": number, **measured}
                   for number, measured in sorted(run.figures.rounds.items())],
        "medians": {name: run.figures.median(name) for name in run.figures.names()},
        "curves": run.curves,
    }, indent=1)


def judged_of(run, first_written):
    return judge(run.figures, run.options.sizes, first_written)


def between_marks(text, inserted):
    """`text` with what stands between the two marks replaced."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{inserted.strip()}\n\n{END}{after}"


def publish(results, docs, facts, figures, judged, plots):
    """Into docs/performance.md and the folder beside it, from the folder `results`."""
    folder = os.path.join(docs, "performance")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in ("results.json", *plots):
        shutil.copy(os.path.join(results, name), folder)
    path = os.path.join(docs, "performance.md")
    with open(path) as page:
        text = page.read()
    with open(path, "w") as page:
        page.write(between_marks(text, as_markdown(facts, figures, judged, plots, "performance")))
