# SPDX-License-Identifier: MIT
"""The table as a picture: CPU a request, as a multiple of the floor, one panel a load. Plain SVG, nothing to install."""

from html import escape

WIDTH, LABEL, BAR, ROW, GAP = 820, 210, 420, 20, 46
COLOURS = {"floor": "#9aa5b1", "ours": "#0b7285", "peer": "#d9a441"}
# A peer that is slower than this is drawn to the edge, with its figure beside it.
RATIO_MOST = 6.0


def bar(y, title, role, ratio):
    length = BAR * min(ratio["median"], RATIO_MOST) / RATIO_MOST
    reach = [LABEL + BAR * min(ratio[k], RATIO_MOST) / RATIO_MOST for k in ("least", "most")]
    middle = y + ROW / 2
    cut = "" if ratio["median"] <= RATIO_MOST else " →"
    return (f'<text x="{LABEL - 8}" y="{middle + 4}" text-anchor="end">{escape(title)}</text>'
            f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="{COLOURS[role]}"/>'
            f'<line x1="{reach[0]:.1f}" x2="{reach[1]:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>'
            f'<text x="{max(LABEL + length, reach[1]) + 6:.1f}" y="{middle + 4}">{ratio["median"]:.2f}{cut}</text>')


def panel(y, key, entry, roles):
    parts = [f'<text x="12" y="{y + 14}" font-weight="bold">({escape(key)}) {escape(entry["title"])}</text>']
    y += 22
    top = y
    for peer, row in entry["peers"].items():
        if row["to_floor"] is None:
            continue
        parts.append(bar(y, row["title"], roles[peer], row["to_floor"]))
        y += ROW
    one = LABEL + BAR / RATIO_MOST
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="{top}" y2="{y}" stroke="#555" stroke-dasharray="3 3"/>')
    return parts, y + GAP - ROW


def draw(report, roles):
    y, parts = 48, []
    for key, entry in report["loads"].items():
        if key == "8" or not entry["peers"] or entry["floor"] is None:
            continue
        more, y = panel(y, key, entry, roles)
        parts += more
    facts = report["facts"]
    head = (f'<text x="12" y="22" font-size="15" font-weight="bold">CPU a request, as a multiple of the better floor</text>'
            f'<text x="12" y="38" fill="#555">less is better · median of {facts["rounds"]} rounds, the line is their spread · '
            f'{escape(facts["machine"])}, Linux {escape(facts["kernel"])}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" '
            f'font-family="sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
            f'{head}{"".join(parts)}</svg>\n')
