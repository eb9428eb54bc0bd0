"""Draws the curves of a results.json as SVG files beside it, with matplotlib.

    python3 bench/measure/plots.py results.json
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from measure.curves import medians  # noqa: E402

TITLES = {
    "connections": "Throughput and connections",
    "payload": "Submits and the size of the payload, 64 connections",
    "batch": "Tasks submitted and the size of a batch",
    "queues": "Life cycles and the number of queues, 64 connections",
    "backlog": "Throughput and the backlog, 64 connections",
}


def draw(name, curve, path):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "quern"  # equal figures make equal files
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for series, points in medians(curve).items():
        x, middle, lowest, highest = zip(*points)
        line, = axes.plot(x, middle, marker="o", label=series)
        axes.fill_between(x, lowest, highest, color=line.get_color(), alpha=0.15)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.set(title=TITLES[name], xlabel=curve["x"], ylabel=curve["y"])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def main():
    path = sys.argv[1]
    with open(path) as results:
        curves = json.load(results)["curves"]
    for name, curve in curves.items():
        draw(name, curve, os.path.join(os.path.dirname(path), name + ".svg"))


if __name__ == "__main__":
    main()
