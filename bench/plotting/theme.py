"""Colours and type of the plots, light and dark. tests/integration/bench_plot.sh checks their contrast.

The plots have a ground of their own: a page may be dark where the reader's system is light. Peers differ by shape,
too, so that nobody has to tell colours apart.
"""

FONT = '-apple-system, BlinkMacSystemFont, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif'

# name: (light, dark). Texts have 4.5:1 on the ground, marks 3:1; grounds, grids and washes need none.
COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "edge": ("#d8dee4", "#30363d"),
    "grid": ("#eaeef2", "#1f252d"),
    "wash": ("#f3f8fe", "#121d2f"),
    "ink": ("#1f2328", "#e6edf3"),
    "soft": ("#57606a", "#9aa4af"),
    "ours": ("#0a5fcb", "#5cadff"),
    "peer": ("#6b7580", "#8d97a2"),
    "floor": ("#1f2328", "#e6edf3"),
    "ochre": ("#9a6400", "#d9a441"),
    "plum": ("#8a4a8f", "#cf94d6"),
    "moss": ("#3f7a55", "#77b98e"),
    "brick": ("#b3502e", "#ec9170"),
}
TEXTS = ("ink", "soft", "ours", "ochre", "plum", "moss", "brick")
MARKS = TEXTS + ("peer", "floor")

# name: (size, weight)
TYPE = {
    "title": (18, 650),
    "subtitle": (12.5, 400),
    "head": (13, 600),
    "label": (13, 400),
    "strong": (13, 600),
    "value": (12, 400),
    "value-strong": (12, 600),
    "note": (11.5, 400),
}


def css():
    """A class for each colour as fill (f-ink) and as stroke (s-ink), and one for each type (t-title)."""
    rules = [f"text{{font-family:{FONT};font-variant-numeric:tabular-nums}}"]
    rules += [f".t-{name}{{font-size:{size}px;font-weight:{weight}}}" for name, (size, weight) in TYPE.items()]
    dark = []
    for name, (light, night) in COLOURS.items():
        rules.append(f".f-{name}{{fill:{light}}}.s-{name}{{stroke:{light}}}")
        dark.append(f".f-{name}{{fill:{night}}}.s-{name}{{stroke:{night}}}")
    return "\n".join(rules + ["@media (prefers-color-scheme:dark){", *dark, "}"])


def contrast(one, other):
    """WCAG's ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
