"""What kind of bytes a section of an image holds."""

from kernel_magics.build.elf import SHT_NOBITS, Section

__all__ = ["is_template_only", "kind_of"]

_EXECUTABLE, _WRITABLE, _TLS = 4, 1, 0x400


def is_template_only(section: Section) -> bool:
    """Whether it only describes each thread's copy: .tbss takes no room in the image."""
    return bool(section.flags & _TLS) and section.type == SHT_NOBITS


def kind_of(section: Section) -> str:
    """Return "text", "rodata", "data" or "bss"."""
    if section.flags & _EXECUTABLE:
        return "text"
    if not section.flags & _WRITABLE:
        return "rodata"
    return "bss" if section.type == SHT_NOBITS else "data"
