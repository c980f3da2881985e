"""Tables and plots."""

from html import escape


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bars(title: str, groups: dict[str, dict[str, float]]) -> str:
    """Horizontal bars of seconds, in groups, as SVG."""
    longest = max(value for group in groups.values() for value in group.values())
    rows, at = [], 44
    for name, group in groups.items():
        rows.append(text(12, at, name, "bold"))
        at += 8
        for label, value in group.items():
            width = max(1.0, 470 * value / longest)
            rows.append(f'<rect x="190" y="{at}" width="{width:.1f}" height="16" fill="#3b6ea5"/>')
            rows.append(text(180, at + 13, label, anchor="end"))
            rows.append(text(196 + width, at + 13, seconds(value)))
            at += 22
        at += 24
    return picture(title, at, rows)


def lines(title: str, series: dict[str, list[tuple[int, float]]]) -> str:
    """Seconds against size, both logarithmic, as SVG."""
    from math import log10

    points = [point for line in series.values() for point in line]
    spans = [(log10(min(values)), log10(max(values))) for values in zip(*points)]

    def place(point: tuple[int, float]) -> tuple[float, float]:
        share = [(log10(value) - low) / ((high - low) or 1) for value, (low, high) in zip(point, spans)]
        return 80 + 480 * share[0], 330 - 270 * share[1]

    rows = []
    for (name, line), colour in zip(series.items(), ["#3b6ea5", "#b5533c", "#4f8a4c", "#7a5ba6", "#8a7a2f"]):
        places = [place(point) for point in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        rows.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (_, value) in zip(places, line):
            rows.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            rows.append(text(x, y - 7, seconds(value), anchor="middle"))
        rows.append(text(places[-1][0] + 12, places[-1][1] + 4, name, "bold"))
    for size in sorted({point[0] for point in points}):
        rows.append(text(place((size, points[0][1]))[0], 355, str(size), anchor="middle"))
    return picture(title, 370, rows)


def text(x: float, y: float, words: str, weight: str = "normal", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>'


def picture(title: str, height: float, rows: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="780" height="{height:.0f}" font-family="sans-serif" font-size="12">'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, ground, text(12, 20, title, "bold"), *rows, "</svg>"]) + "\n"


def seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
