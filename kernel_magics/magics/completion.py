"""Tab in a magic's line: options, their choices, and the names the lab knows."""

import re
from collections.abc import Callable, Iterable, Mapping

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from kernel_magics.magics.arguments import Command, Option

__all__ = ["CommandMatcher", "candidates"]

Source = Callable[[list[str]], Iterable[str]]

_MAGIC = re.compile(r"^\s*(?:[\w, ]+=\s*)?(%{1,2})(\w+)\s(.*)$", re.DOTALL)
_YAML_KEY = re.compile(r"^\s*([A-Za-z_]*)$")


def candidates(command: Command, words: list[str], partial: str,
               sources: Mapping[str, Source]) -> list[str]:
    """Return what may stand at the cursor of a magic's line, unsorted and unfiltered.

    `words` are the complete words before the cursor, `partial` the word under it;
    `sources` maps a declaration's `complete` to a function of the earlier positional
    words, or of what there is of an option's value, that lists names.
    """
    if "--" in words:
        return []
    awaited = _awaited_option(command, words)
    if awaited:
        return list(awaited.choices) or _from_source(awaited.complete, [partial], sources)
    if partial.startswith("-"):
        return [o.flag for o in command.options if o.repeat or o.flag not in words]
    positional = _positional_words(command, words)
    if len(positional) >= len(command.arguments):
        return []
    return _from_source(command.arguments[len(positional)].complete, positional, sources)


class CommandMatcher:
    """An IPython matcher for a set of commands; `body_keys` are the keys of YAML bodies, by
    name, or "NAME --package" for a cell whose body is one only with that option."""

    def __init__(self, commands: Iterable[Command], sources: Mapping[str, Source],
                 body_keys: Mapping[str, Iterable[str]]) -> None:
        self.commands = {c.name: c for c in commands}
        self.sources = sources
        self.body_keys = body_keys

    def matcher(self) -> Callable[[CompletionContext], dict]:
        """Return the function that goes into a completer's `custom_matchers`."""
        @context_matcher(identifier="rumplab")
        def rumplab_matcher(context: CompletionContext) -> dict:
            partial, names = self.complete(context.full_text, context.cursor_line,
                                           context.text_until_cursor)
            found = [SimpleCompletion(n, type="magic option") for n in names]
            return {"completions": found, "matched_fragment": partial, "suppress": bool(found)}
        return rumplab_matcher

    def complete(self, text: str, line_number: int, before: str) -> tuple[str, list[str]]:
        """Return the fragment to replace and the names that continue it.

        `before` is the cursor's line up to the cursor, `text` the whole cell.
        """
        if line_number > 0 and text.lstrip().startswith("%%"):
            return self._complete_body(text, before)
        found = _MAGIC.match(before)
        if not found or found[2] not in self.commands:
            return "", []
        words = found[3].split(" ")
        partial = words.pop()
        names = candidates(self.commands[found[2]], [w for w in words if w], partial, self.sources)
        return partial, sorted(n for n in set(names) if n.startswith(partial))

    def _complete_body(self, text: str, before: str) -> tuple[str, list[str]]:
        name = text.lstrip().split(maxsplit=1)[0].lstrip("%")
        if "--package" in text.lstrip().splitlines()[0].split():
            name += " --package"
        key = _YAML_KEY.match(before)
        if not key or name not in self.body_keys:
            return "", []
        return key[1], [f"{k}: " for k in self.body_keys[name] if k.startswith(key[1])]


def _awaited_option(command: Command, words: list[str]) -> Option | None:
    option = command.spelling.get(words[-1]) if words else None
    return option if option and option.metavar else None


def _positional_words(command: Command, words: list[str]) -> list[str]:
    positional, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("--"):
            skip = bool(getattr(command.spelling.get(word), "metavar", "")) and "=" not in word
        else:
            positional.append(word)
    return positional


def _from_source(name: str, positional: list[str], sources: Mapping[str, Source]) -> list[str]:
    return list(sources[name](positional)) if name in sources else []
