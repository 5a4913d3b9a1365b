"""How a guest image shows itself: what it took to build, and its bytes by layer."""

import shlex
from typing import Any

from kernel_magics.inspect.images.layer_models import LayerModel, model_of
from kernel_magics.inspect.images.layers import LAYERS
from kernel_magics.widgets.foundation.markup import byte_text, duration_text, escape, report
from kernel_magics.widgets.images.bakes import baked_html

__all__ = ["image_html"]

_COLOURS = {layer.name: layer.colour for layer in LAYERS}
_OTHER_COLOUR = "#8a8a8a"


def image_html(image: Any) -> str:
    """Return an image as an HTML report: build time, size, a bar of bytes per layer."""
    sizes = image.sizes.by_layer()["total"]
    sizes = {name: int(size) for name, size in sizes.items() if size}
    root = _root(image) if image.initrd else ""
    baked = baked_html(image.baked) if image.baked else ""
    return report(f"image {image.name}", _header(image), root, baked,
                  _bar(sizes, model_of(image.kit)), _key(sizes),
                  *(f"<pre>{escape(warning.text())}</pre>" for warning in image.warnings))


def _header(image: Any) -> str:
    verb = "unchanged, found" if image.cached else "made" if image.initrd else "compiled"
    made = f"{verb} in {duration_text(image.build_ns)}" if image.build_ns else "on disk"
    return (f"<header><b>{escape(image.name)}</b> <span>{made}</span> "
            f'<span class="soft">{byte_text(image.size_bytes)} to load</span></header>')


def _root(image: Any) -> str:
    """Return what a root of packages holds and runs, the packages in a table to unfold."""
    rows = "".join(
        f"<tr><td>{escape(row['package'])}</td><td>{escape(row['version'])}</td>"
        f"<td>{escape(row['contents'])}</td><td>{row['files']}</td>"
        f"<td>{byte_text(row['size_bytes'])}</td></tr>" for row in image.packages)
    heads = "".join(f"<th>{name}</th>" for name in
                    ("package", "version", "contents", "files", "size"))
    runs = "".join(f"<div>runs <code>{escape(shlex.join(row['argv']))}</code></div>"
                   for row in image.rc)
    size = byte_text(image.initrd.stat().st_size)
    return (f"{runs}<details><summary>root of {size}, {len(image.packages)} packages</summary>"
            f"<table><tr>{heads}</tr>{rows}</table></details>")


def _bar(sizes: dict[str, int], model: LayerModel) -> str:
    titles = {layer.name: layer.title for layer in model.layers}
    parts = "".join(
        f'<span style="flex:{size};background:{_COLOURS.get(name, _OTHER_COLOUR)}" '
        f'title="{escape(titles.get(name, name))}: {byte_text(size)}"></span>'
        for name, size in sizes.items())
    told = escape(", ".join(f"{name} {byte_text(size)}" for name, size in sizes.items()))
    return f'<div class="stack" role="img" aria-label="bytes by layer: {told}">{parts}</div>'


def _key(sizes: dict[str, int]) -> str:
    items = "".join(
        f'<li><i style="background:{_COLOURS.get(name, _OTHER_COLOUR)}"></i>'
        f"{escape(name)} <span>{byte_text(size)}</span></li>" for name, size in sizes.items())
    total = byte_text(sum(sizes.values()))
    return f'<ul class="key">{items}<li><b>in RAM</b> <span>{total}</span></li></ul>'
