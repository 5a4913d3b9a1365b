"""Chooses events by a line of words: names, layers, threads, durations, callers, errors."""

import difflib
import fnmatch
import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from kernel_magics.errors import UsageError
from kernel_magics.trace.calls.constants import WORDS_HELP, error_name, rumpuser_error_name
from kernel_magics.trace.records.events import LAYER_OF

__all__ = ["WORDS_HELP", "choose"]

_KEYS = ("event", "group", "layer", "thread", "process", "caller", "error", "after", "before",
         "kind")
_UNITS_NS = {"": 1, "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|)")
_MOST_ERRNO = 4095

Symbol = Callable[[int, int], str]


def choose(table: pd.DataFrame, words: str, threads: Mapping[int, str] | None = None,
           symbol: Symbol | None = None,
           processes: Mapping[int, str] | None = None) -> pd.DataFrame:
    """Return the events that match all words; see WORDS_HELP.

    threads, processes: names by number.  symbol: names a code address in a process, for
    caller:.  Raises UsageError for a word that means nothing.
    """
    names = {"thread": threads or {}, "process": processes or {}}
    for word in words.split():
        opposite = word.startswith("-") and len(word) > 1
        mask = _mask(table, word.removeprefix("-") if opposite else word, names, symbol)
        table = table[~mask if opposite else mask]
    return table


def _mask(table: pd.DataFrame, word: str, names: Mapping[str, Mapping[int, str]],
          symbol: Symbol | None) -> np.ndarray:
    if word[0] in "<>":
        return _by_duration(table, word)
    if word == "failed":
        return _failed(table)
    key, colon, value = word.partition(":")
    if not colon:
        return _named(table["event"], word) | _named(table["group"], word)
    if key not in _KEYS or not value:
        near = difflib.get_close_matches(key, _KEYS, n=1)
        hint = f"did you mean {near[0]}:? " if near else ""
        raise UsageError(f"{word!r} chooses nothing", next_step=f"{hint}{WORDS_HELP}", word=word)
    if key in ("event", "kind"):
        return (table[key] == value).to_numpy()
    if key == "group":
        return _named(table["group"], value)
    if key == "layer":
        return _of_names(table["event"], lambda name: fnmatch.fnmatchcase(LAYER_OF.get(name, ""),
                                                                          value))
    if key in names:
        return _by_number(table, key, value, names[key])
    if key == "caller":
        return _by_caller(table, value, symbol)
    if key == "error":
        return _by_error(table, value)
    time_ns = table["time_ns"].to_numpy()
    limit = _time_ns(value, word)
    return time_ns >= limit if key == "after" else time_ns < limit


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


def _by_number(table: pd.DataFrame, column: str, value: str,
               names: Mapping[int, str]) -> np.ndarray:
    if value.isdigit():
        return (table[column] == int(value)).to_numpy()
    numbers = [number for number, name in names.items() if fnmatch.fnmatchcase(name, value)]
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
