"""Chooses events by a line of words: names, layers, threads, durations, callers, errors."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from kernel_magics.errors import UsageError, meant, nearest_names, nearest_step
from kernel_magics.trace.calls.constants import WORDS_HELP, error_name, rumpuser_error_name
from kernel_magics.trace.records.events import GROUPS, LAYER_OF, NAMES

__all__ = ["WORDS_HELP", "choose", "chosen_rows"]

_KEYS = ("event", "group", "layer", "thread", "process", "caller", "error", "after", "before",
         "kind")
_UNITS_NS = {"": 1, "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|)")
_MOST_ERRNO = 4095
_FEW = 20  # so many names are listed if none is near
_NAMES = [name for name in NAMES if not name.startswith(("event_", "hypercall_", "syscall_"))]
_LAYERS = sorted(set(LAYER_OF.values()))
KINDS = ("call", "enter", "exit", "instant")

Symbol = Callable[[int, int], str]

# A word may have spaces in it where it is quoted: thread:"my worker".
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


def choose(table: pd.DataFrame, words: str, threads: Mapping[int, str] | None = None,
           symbol: Symbol | None = None, processes: Mapping[int, str] | None = None,
           to_come: bool = False) -> pd.DataFrame:
    """Return the events that match all words; see WORDS_HELP.

    threads, processes: names by number.  symbol: names a code address in a process, for
    caller:.  to_come: a thread or process that is not known may begin later.  Raises
    UsageError for a word that means nothing, with the nearest that means something.
    """
    chosen = chosen_rows(table, words, threads, symbol, processes, to_come)
    return table if chosen.all() else table[chosen]


def chosen_rows(table: pd.DataFrame, words: str, threads: Mapping[int, str] | None = None,
                symbol: Symbol | None = None, processes: Mapping[int, str] | None = None,
                to_come: bool = False) -> np.ndarray:
    """Return of each row whether it matches all words; see choose."""
    names = {"thread": threads or {}, "process": processes or {}}
    found = np.ones(len(table), bool)
    for word in _WORD.findall(words):
        opposite = word.startswith("-") and len(word) > 1
        mask = _mask(table, (word[1:] if opposite else word).replace('"', ""), names, symbol,
                     to_come)
        found &= ~mask if opposite else mask
    return found


def _mask(table: pd.DataFrame, word: str, names: Mapping[str, Mapping[int, str]],
          symbol: Symbol | None, to_come: bool) -> np.ndarray:
    if word[:1] in ("<", ">"):
        return _by_duration(table, word)
    if word == "failed":
        return _failed(table)
    key, colon, value = word.partition(":")
    if not colon:
        return _by_word(table, word)
    if key not in _KEYS or not value:
        hint = meant(f"{one}:" for one in nearest_names(key, _KEYS, 1))
        raise UsageError(f"{word!r} chooses nothing", next_step=f"{hint} {WORDS_HELP}".lstrip(),
                         word=word)
    if key in ("event", "kind", "group"):
        known = {"event": _event_names, "kind": lambda _table: KINDS, "group": _groups}[key]
        found = _named(table[key], value) if key == "group" else (table[key] == value).to_numpy()
        return found if found.any() else _none(value, known(table), table, key)
    if key == "layer":
        found = _of_names(table["event"], lambda name: fnmatch.fnmatchcase(LAYER_OF.get(name, ""),
                                                                           value))
        return found if found.any() else _none(value, _LAYERS, table, key)
    if key in names:
        return _by_number(table, key, value, names[key], to_come)
    if key == "caller":
        return _by_caller(table, value, symbol)
    if key == "error":
        return _by_error(table, value)
    time_ns = table["time_ns"].to_numpy()
    limit = _time_ns(value, word)
    return time_ns >= limit if key == "after" else time_ns < limit


def _by_word(table: pd.DataFrame, word: str) -> np.ndarray:
    """Events or groups that have the word in their name or match it, or a layer's."""
    found = _named(table["event"], word) | _named(table["group"], word)
    if not found.any() and word in _LAYERS:
        found = _of_names(table["event"], lambda name: LAYER_OF.get(name) == word)
    return found if found.any() else _none(word, [*_event_names(table), *_groups(table), *_LAYERS],
                                           table, "event")


def _event_names(table: pd.DataFrame) -> list[str]:
    return [*_NAMES, *map(str, table["event"].cat.categories)]


def _groups(table: pd.DataFrame) -> list[str]:
    return [*GROUPS, *map(str, table["group"].cat.categories)]


def _none(word: str, known: Iterable[str], table: pd.DataFrame, what: str) -> np.ndarray:
    """Return that no row matches; raises UsageError if none could, with the nearest names."""
    names = list(dict.fromkeys(known))
    wild = any(sign in word for sign in "*?[")
    if any(fnmatch.fnmatchcase(name, word) if wild else word.lower() in name.lower()
           for name in names):
        return np.zeros(len(table), bool)
    few = names if len(names) < _FEW else ()
    raise UsageError(f"no {what} is called {word!r}", word=word, next_step=nearest_step(
        word, few or nearest_names(word, names), WORDS_HELP))


def _of_names(column: pd.Series, matches: Callable[[str], bool]) -> np.ndarray:
    chosen = [name for name in column.cat.categories if matches(str(name))]
    return column.isin(chosen).to_numpy()


def _named(column: pd.Series, word: str) -> np.ndarray:
    if any(sign in word for sign in "*?["):
        return _of_names(column, lambda name: fnmatch.fnmatchcase(name, word))
    return _of_names(column, lambda name: word.lower() in name.lower())


def _by_duration(table: pd.DataFrame, word: str) -> np.ndarray:
    limit = _time_ns(word[1:].removeprefix("="), word)
    duration = table["duration_ns"].array
    known, values = ~np.asarray(duration._mask), duration._data
    return known & ((values >= limit) if word[0] == ">" else (values < limit))


def _time_ns(text: str, word: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"{word!r} has no time in it", word=word,
                         next_step="give a number and ns, us, ms or s, as in >10us")
    return round(float(found[1]) * _UNITS_NS[found[2]])


def _failed(table: pd.DataFrame) -> np.ndarray:
    """System calls that returned an error; hypercalls with an int result that is not 0."""
    result = table["result"].array
    known, values = ~np.asarray(result._mask), result._data
    is_call = (table["group"] == "syscall").to_numpy()
    return known & np.where(is_call, (values < 0) & (values >= -_MOST_ERRNO),
                            (values > 0) & (values < 256)
                            & _named(table["event"], "rumpuser_*"))


def _by_error(table: pd.DataFrame, name: str) -> np.ndarray:
    values = table["result"].array
    name = name.upper()
    linux = [number for number in range(-_MOST_ERRNO, 0) if error_name(number) == name]
    netbsd = [number for number in range(256) if rumpuser_error_name(number) == name]
    if not linux and not netbsd:
        raise UsageError(f"there is no error called {name!r}", next_step="ENOENT is one", word=name)
    of_rumpuser = _named(table["event"], "rumpuser_*")
    return ~np.asarray(values._mask) & np.where(of_rumpuser, np.isin(values._data, netbsd),
                                                np.isin(values._data, linux))


def _by_number(table: pd.DataFrame, column: str, value: str, names: Mapping[int, str],
               to_come: bool) -> np.ndarray:
    if value.isdecimal():
        return (table[column] == int(value)).to_numpy()
    numbers = [number for number, name in names.items() if fnmatch.fnmatchcase(name, value)]
    if not numbers and not to_come:
        raise UsageError(f"no {column} is called {value!r}", word=value, next_step=nearest_step(
            value, sorted({name for name in names.values() if name})[:_FEW],
            f"give its number, as in {column}:1"))
    return table[column].isin(numbers).to_numpy()


def _by_caller(table: pd.DataFrame, value: str, symbol: Symbol | None) -> np.ndarray:
    if symbol is None:
        raise UsageError("the image's symbols are not known here, so no caller can be named",
                         next_step="leave caller: out", word=value)
    places = table[["caller", "process"]].drop_duplicates()
    known = [(address, process) for address, process in places.itertuples(index=False)
             if address and
             fnmatch.fnmatchcase(symbol(int(address), int(process)).partition("+")[0], value)]
    found = np.zeros(len(table), bool)
    callers, of = table["caller"].to_numpy(), table["process"].to_numpy()
    for process in {process for _, process in known}:
        found |= (of == process) & np.isin(callers, [address for address, one in known
                                                     if one == process])
    return found
