"""All plots of a result file."""
import sys

from . import latency, peers, publish, scaling, tail

PLOTS = {
    "latency": latency.draw,
    "peers": peers.draw,
    "tail": tail.draw,
    "scaling": scaling.draw,
    "publish": publish.draw,
}


def draw_all(r):
    """{name: (title, SVG)}, without those that the file has nothing for; complains on stderr of labels that overlap."""
    made = {}
    command = f"Measured by {r.machine.get('command', 'bench/run')}, drawn by bench/plot {r.shown_path()}"
    for name, draw in PLOTS.items():
        drawn = draw(r, command)
        if drawn is None:
            continue
        canvas, svg = drawn
        made[name] = (canvas.title, svg)
        for one, other in canvas.overlaps():
            print(f"{name}.svg: `{one}` is on `{other}`", file=sys.stderr)
    return made
