"""Two kinds of plot as SVG text: bars with whiskers, and curves. The colours suit light and dark pages."""

from html import escape

COLOURS = {"ours": "#2563eb", "best": "#d97706", "defaults": "#9ca3af"}
NAMES = {"ours": "Graft", "best": "peft, best settings", "defaults": "peft, defaults"}
FONT = 'font-family="system-ui, sans-serif" font-size="12" fill="#6b7280"'
GRID = 'stroke="#9ca3af" stroke-opacity="0.35"'


def document(width, height, parts, title):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(title)}" {FONT}>\n' + "\n".join(parts) + "\n</svg>\n")


def text(x, y, words, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1, y1, x2, y2, style=GRID):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def ratio_bars(rows, title):
    """`rows` are (label, median, least, most, target or None) of ratios; 1 is as fast as the peer."""
    left, width, step, top = 210, 720, 26, 34
    scale = (width - left - 60) / max(1.0, *(row[3] for row in rows))
    height = top + step * len(rows) + 26
    parts = [text(0, 14, title)]
    for mark in (0, 0.25, 0.5, 0.75, 1.0):
        x = left + mark * scale
        parts += [line(x, top - 8, x, height - 22), text(x, height - 6, f"{mark:g}", "middle")]
    for number, (label, median, least, most, target) in enumerate(rows):
        y = top + number * step
        middle = y + 7
        parts += [
            text(left - 8, y + 11, label, "end"),
            f'<rect x="{left}" y="{y}" width="{median * scale:.1f}" height="14" rx="2" fill="{COLOURS["ours"]}"/>',
            line(left + least * scale, middle, left + most * scale, middle, 'stroke="#111827" stroke-width="1.5"'),
            text(left + max(most, median) * scale + 6, y + 11, f"{median:.2f}")]
        if target is not None:
            x = left + target * scale
            parts.append(line(x, y - 3, x, y + 17, 'stroke="#dc2626" stroke-width="2"'))
    return document(width, height, parts, title)


def curves(series, x_label, y_label, title):
    """`series` is side -> [(x, y)], drawn over axes from zero."""
    width, height, left, right, top, bottom = 460, 280, 52, 12, 44, 40
    points = [point for values in series.values() for point in values]
    most_x, most_y = max(x for x, _ in points), max(y for _, y in points) * 1.05 or 1
    inner_width, inner_height = width - left - right, height - top - bottom

    def place(x, y):
        return left + x / most_x * inner_width, height - bottom - y / most_y * inner_height

    parts = [text(0, 14, title), text(width - right, height - 6, x_label, "end"), text(0, 32, y_label)]
    for part in range(5):
        _, y = place(0, most_y * part / 4)
        parts += [line(left, y, width - right, y), text(left - 6, y + 4, f"{most_y * part / 4:.3g}", "end")]
    for x in sorted({x for x, _ in points}):
        parts.append(text(place(x, 0)[0], height - bottom + 16, f"{x:g}", "middle"))
    for number, (side, values) in enumerate(series.items()):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in sorted(values)))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[side]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[side]}"/>'
                  for x, y in (place(*point) for point in values)]
        x = left + 110 + number * 110
        parts += [f'<rect x="{x}" y="23" width="10" height="10" fill="{COLOURS[side]}"/>',
                  text(x + 14, 32, NAMES[side])]
    return document(width, height, parts, title)
