"""A flame graph as one SVG file, with its own script: zoom by a click, search, keyboard."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernel_magics.trace.views.flame import FlameGraph

__all__ = ["flame_svg"]

_WIDTH, _ROW, _HEAD = 1200, 18, 46
_LETTER = 6.6       # width of a letter of the font, about
_LEAST_SHARE = 0.0005
_COLOURS = {"app": "#f0a35e", "libc": "#e8c95a", "sys": "#8fbf6b", "kern": "#6fb7a5",
            "vfs": "#6fa8dc", "net": "#8d9be0", "rumpuser": "#b48ad6", "bmk": "#d58ab0",
            "arch": "#d98880", "lib": "#b5b5a0", "host": "#a0a0a0"}
_NEUTRAL = "#cfc6b4"

_SCRIPT = """
(function () {
 var script = document.currentScript, svg = script.ownerSVGElement || script.closest('svg');
 var width = %d, boxes = Array.from(svg.querySelectorAll('g.f'));
 var said = svg.querySelector('.said');
 function n(box, key) { return parseFloat(box.getAttribute('data-' + key)); }
 function draw(box, x, w) {
  box.style.display = w > 0.3 ? '' : 'none';
  var r = box.querySelector('rect'), t = box.querySelector('text'), room = Math.floor((w - 6) / %s);
  r.setAttribute('x', x); r.setAttribute('width', Math.max(w - 0.5, 0.3));
  t.setAttribute('x', x + 3);
  var name = box.getAttribute('data-name');
  t.textContent = room < 3 ? '' : name.length <= room ? name : name.slice(0, room - 1) + '…';
 }
 function zoom(box) {
  var x0 = n(box, 'x'), w0 = n(box, 'w'), d0 = n(box, 'd');
  boxes.forEach(function (b) {
   var x = n(b, 'x'), w = n(b, 'w'), above = n(b, 'd') < d0;
   var around = above && x <= x0 + 1e-9 && x + w >= x0 + w0 - 1e-9;
   if (around) draw(b, 0, width);
   else if (above || x < x0 - 1e-9 || x + w > x0 + w0 + 1e-9) b.style.display = 'none';
   else draw(b, (x - x0) / w0 * width, w / w0 * width);
   b.style.opacity = around ? 0.6 : 1;
  });
 }
 function search() {
  var text = window.prompt('function (a regular expression)'), sum = 0, from = -1;
  if (text === null) return;
  var re; try { re = new RegExp(text); } catch (e) { said.textContent = 'no such pattern'; return; }
  boxes.forEach(function (b) {
   var hit = text !== '' && re.test(b.getAttribute('data-name'));
   b.querySelector('rect').setAttribute('stroke', hit ? '#c00' : 'none');
   b.querySelector('rect').setAttribute('stroke-width', hit ? 2 : 0);
   if (hit && n(b, 'x') >= from - 1e-9) { sum += n(b, 'w'); from = n(b, 'x') + n(b, 'w'); }
  });
  said.textContent = text === '' ? '' : (100 * sum / width).toFixed(1) + ' %% match ' + text;
 }
 boxes.forEach(function (b) {
  b.addEventListener('click', function () { zoom(b); });
  function tell() { said.textContent = b.querySelector('title').textContent; }
  b.addEventListener('focus', tell);
  b.addEventListener('mouseover', tell);
  b.addEventListener('keydown', function (e) {
   if (e.key === 'Enter') zoom(b);
   else if (e.key === 'Escape') zoom(boxes[0]);
   else if (e.key === 'f' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); search(); }
  });
 });
 svg.querySelector('.search').addEventListener('click', search);
 svg.querySelector('.reset').addEventListener('click', function () { zoom(boxes[0]); });
})();
"""


def flame_svg(graph: "FlameGraph") -> str:
    """Return the graph as SVG text; functions below 0.05 % of the whole are left out."""
    tree = graph.tree
    boxes = list(_boxes(tree, 0.0, 0, max(graph.total, 1)))
    depth = max(box[2] for box in boxes) + 1
    height = _HEAD + depth * _ROW + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%"'
        f' role="img" aria-label="{escape(graph.title)}"'
        ' style="font:12px Menlo,Consolas,\'DejaVu Sans Mono\',monospace;background:#fffdf8">',
        f'<text x="6" y="18" font-size="14" fill="#222">{escape(graph.title)}</text>',
        _button("search", _WIDTH - 70, "search"), _button("reset", _WIDTH - 150, "whole"),
        '<text class="said" x="6" y="36" fill="#444"></text>']
    parts += [_box(graph, *box) for box in boxes]
    parts.append(f"<script><![CDATA[{_SCRIPT % (_WIDTH, _LETTER)}]]></script></svg>")
    return "\n".join(parts)


def _boxes(node: dict[str, Any], start: float, depth: int,
           total: int) -> Iterator[tuple[dict[str, Any], float, int, float]]:
    width = _WIDTH * node["value"] / total
    yield node, start, depth, width
    for child in node["children"]:
        if child["value"] >= total * _LEAST_SHARE:
            yield from _boxes(child, start, depth + 1, total)
        start += _WIDTH * child["value"] / total


def _box(graph: "FlameGraph", node: dict[str, Any], x: float, depth: int, width: float) -> str:
    name, share = node["name"], node["value"] / max(graph.total, 1)
    room = int((width - 6) / _LETTER)
    shown = "" if room < 3 else name if len(name) <= room else f"{name[:room - 1]}…"
    layer = f", {node['layer']}" if node["layer"] else ""
    y = _HEAD + depth * _ROW
    return (f'<g class="f" tabindex="0" data-name="{escape(name)}" data-x="{x:.4f}"'
            f' data-w="{width:.4f}" data-d="{depth}" style="cursor:pointer">'
            f'<title>{escape(name)}{layer}: {node["value"]} {graph.unit}, {share:.2%}</title>'
            f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.5, 0.3):.2f}" height="{_ROW - 1}"'
            f' rx="2" fill="{_COLOURS.get(node["layer"], _NEUTRAL)}"/>'
            f'<text x="{x + 3:.2f}" y="{y + 13}" fill="#222" pointer-events="none">'
            f'{escape(shown)}</text></g>')


def _button(name: str, x: int, text: str) -> str:
    return (f'<text class="{name}" x="{x}" y="18" fill="#06c" tabindex="0" role="button"'
            f' style="cursor:pointer;text-decoration:underline">{text}</text>')
