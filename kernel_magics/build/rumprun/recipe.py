"""The note that Rumprun's compiler leaves in a program: how it is to be baked.

Source: app-tools/recipe.s.in of github.com/rumpkernel/rumprun; gABI, "Note Section".
"""

from pathlib import Path

from kernel_magics.build.baked import RECIPE_SECTION, BakeRecipe
from kernel_magics.build.elf import ElfFile
from kernel_magics.errors import ImageError

__all__ = ["BakeRecipe", "program_recipe", "read_recipe"]

RECIPE_OWNER, RECIPE_TYPE = "rumpkernel.org", 0x101
_KEYS = ("tuple", "tooldir", "backingcc", "cflags")


def read_recipe(path: Path) -> BakeRecipe | None:
    """Return the recipe of a program, None if it has none: it is not for Rumprun, or baked.

    Raises ImageError (attribute `path`) if the file is no x86-64 ELF file or its recipe is
    damaged.
    """
    note = next((one.data for one in ElfFile.read(path).section_notes(RECIPE_SECTION)
                 if (one.owner, one.type) == (RECIPE_OWNER, RECIPE_TYPE)), None)
    if note is None:
        return None
    found: dict[str, str] = {}
    for text in note.split(b"\0"):
        key, colon, value = text.decode("utf-8", "replace").partition(": ")
        if colon and key.startswith("rumprun_"):
            found[key.removeprefix("rumprun_")] = value
    missing = [key for key in _KEYS[:3] if not found.get(key)]
    if missing:
        raise ImageError(f"the bake recipe of {path} is damaged: it does not say "
                         f"{', '.join(missing)}", path=path,
                         next_step="compile the program again")
    return BakeRecipe(found["tuple"], Path(found["tooldir"]), Path(found["backingcc"]),
                      found.get("cflags", ""))


def program_recipe(path: Path) -> BakeRecipe:
    """Return the recipe of a program that is not baked yet.

    Raises ImageError (attribute `path`) if it has none, or as `read_recipe` does.
    """
    found = read_recipe(path)
    if found is None:
        raise ImageError(f"{path} is no program that Rumprun's compiler made: it has no bake "
                         "recipe", path=path,
                         next_step="compile it with x86_64-rumprun-netbsd-gcc; of an image that "
                                   "was built here, image.recipe is the recipe")
    return found
