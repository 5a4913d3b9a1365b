"""A laboratory for rump-kernel unikernels: build, boot, look inside, trace.

In a notebook::

    %load_ext kernel_magics

In a script::

    from kernel_magics import Lab
    with Lab() as lab:
        guest = lab.boot(lab.build(source_text, name="hello"))
        guest.wait(timeout=10)

Everything but the magics' parser is imported when it is first used, so that loading
the extension costs a notebook next to nothing.
"""

from importlib import import_module

__all__ = [
    "Lab", "LabError", "notebook_lab",
    "load_ipython_extension", "unload_ipython_extension", "__version__",
]

__version__ = "0.1.0"

_LAZY = {
    "Lab": "kernel_magics.lab",
    "LabError": "kernel_magics.errors",
    "notebook_lab": "kernel_magics.magics.session",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'kernel_magics' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


def load_ipython_extension(shell: object) -> None:
    """Register the magics, their completion and the display of results in `shell`."""
    import_module("kernel_magics.magics").register(shell)


def unload_ipython_extension(shell: object) -> None:
    """Take everything back out of `shell`; guests of this notebook are stopped."""
    import_module("kernel_magics.magics").unregister(shell)
