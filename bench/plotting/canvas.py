"""An SVG in the making. It knows about how wide its texts are, so it can say which overlap."""
from html import escape

from . import theme

WIDTH = 880
MARGIN = 24

# Helvetica's widths in thousandths of its size. Other system fonts are up to a tenth wider.
_NARROW = {**dict.fromkeys("ijl'", 222), **dict.fromkeys(" \u00a0!.,:;/ft|I·()[]r-", 300), "×": 584, "µ": 576}
_WIDE = {**dict.fromkeys("mM", 833), **dict.fromkeys("wGOQ", 750), "W": 944, "%": 889, "@": 1015, "…": 1000}
_ROOM = 1.08


def text_width(text, kind):
    size, weight = theme.TYPE[kind]
    total = 0
    for letter in text:
        usual = 667 if letter.isupper() else 556
        total += _NARROW.get(letter) or _WIDE.get(letter) or usual
    return total / 1000 * size * _ROOM * (1.05 if weight > 500 else 1)


def fitted(text, kind, width):
    """The text, or as much of it as fits, with an ellipsis."""
    if text_width(text, kind) <= width:
        return text
    while text and text_width(text + "…", kind) > width:
        text = text[:-1]
    return text.rstrip(" ,.;:") + "…"


def wrapped(text, kind, width):
    lines = [""]
    for word in text.split(" "):  # a no-break space keeps words together
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, kind) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [fitted(line, kind, width) for line in lines]


def _n(number):
    """Two decimals: the same bytes whatever computed it."""
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Canvas:
    def __init__(self, title, description, results, command):
        self.title = title
        self.description = description
        self.parts = []
        self.boxes = []  # (left, top, right, bottom, text)
        self.height = 0
        self.bottom = MARGIN
        self._head(results)
        self._command = command

    def _head(self, results):
        for line in wrapped(self.title, "title", WIDTH - 2 * MARGIN):
            self.bottom += 22
            self.text(MARGIN, self.bottom - 4, line, "title", "ink")
        whole = " · ".join(fact.replace(" ", "\u00a0") for fact in results.facts())
        for line in wrapped(whole, "subtitle", WIDTH - 2 * MARGIN):
            self.bottom += 18
            self.text(MARGIN, self.bottom - 2, line, "subtitle", "soft")

    # ---- marks

    def raw(self, part):
        self.parts.append(part)

    def line(self, x1, y1, x2, y2, colour, width=1.0, dash=None, opacity=None):
        self.raw(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" class="s-{colour}"'
            f' stroke-width="{_n(width)}"{_extra(dash, opacity)}/>'
        )

    def path(self, points, colour, width=2.0, dash=None, opacity=None):
        steps = " ".join(f"{'L' if i else 'M'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(points))
        self.raw(
            f'<path d="{steps}" fill="none" class="s-{colour}" stroke-width="{_n(width)}"'
            f' stroke-linejoin="round" stroke-linecap="round"{_extra(dash, opacity)}/>'
        )

    def area(self, points, colour, opacity):
        steps = " ".join(f"{'L' if i else 'M'}{_n(x)} {_n(y)}" for i, (x, y) in enumerate(points))
        self.raw(f'<path d="{steps} Z" class="f-{colour}"{_extra(None, opacity)}/>')

    def rect(self, x, y, width, height, colour, radius=0.0, opacity=None):
        self.raw(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="{_n(radius)}"'
            f' class="f-{colour}"{_extra(None, opacity)}/>'
        )

    def mark(self, x, y, colour, shape="circle", size=4.0, hollow=False, opacity=None):
        """A hollow one is lighter: a thin ring of the colour on the ground."""
        classes = f'class="f-ground s-{colour}" stroke-width="1.4"' if hollow else f'class="f-{colour}"'
        classes += _extra(None, opacity)
        if shape == "circle":
            self.raw(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(size)}" {classes}/>')
            return
        corners = [(x + dx * size, y + dy * size) for dx, dy in _SHAPES[shape]]
        steps = " ".join(f"{_n(px)},{_n(py)}" for px, py in corners)
        self.raw(f'<polygon points="{steps}" stroke-linejoin="round" {classes}/>')

    # ---- texts

    def text(self, x, y, text, kind, colour, anchor="start"):
        size = theme.TYPE[kind][0]
        width = text_width(text, kind)
        left = x - width * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        self.boxes.append((left, y - 0.74 * size, left + width, y + 0.2 * size, text))
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.raw(f'<text x="{_n(x)}" y="{_n(y)}" class="t-{kind} f-{colour}"{where}>{escape(text, quote=False)}</text>')

    def overlaps(self):
        """Pairs of texts that are on each other, and those that leave the picture."""
        found = []
        for i, one in enumerate(self.boxes):
            if one[0] < 0 or one[2] > WIDTH or one[3] > self.height:
                found.append((one[4], "the edge"))
            for other in self.boxes[i + 1 :]:
                if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]:
                    found.append((one[4], other[4]))
        return found

    def finish(self, notes=()):
        """Below what is drawn: the notes, and how it was made. Gives the SVG."""
        for note in notes:
            for line in wrapped(note, "note", WIDTH - 2 * MARGIN):
                self.bottom += 17
                self.text(MARGIN, self.bottom, line, "note", "soft")
        self.bottom += 17
        self.text(MARGIN, self.bottom, fitted(self._command, "note", WIDTH - 2 * MARGIN), "note", "soft")
        self.height = self.bottom + MARGIN - 6
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{_n(self.height)}"'
                f' viewBox="0 0 {WIDTH} {_n(self.height)}" role="img" aria-labelledby="title description">',
                f'<title id="title">{escape(self.title, quote=False)}</title>',
                f'<desc id="description">{escape(self.description, quote=False)}</desc>',
                f"<style>\n{theme.css()}\n</style>",
                f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{_n(self.height - 1)}" rx="8"'
                ' class="f-ground s-edge"/>',
                *self.parts,
                "</svg>\n",
            ]
        )


_SHAPES = {
    "square": ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
    "up": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
    "down": ((0, 1.2), (1.15, -0.9), (-1.15, -0.9)),
}


def _extra(dash, opacity):
    return (f' stroke-dasharray="{dash}"' if dash else "") + (f' opacity="{_n(opacity)}"' if opacity else "")
