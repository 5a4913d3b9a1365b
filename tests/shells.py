"""How tests make IPython shells: without a history, which each would write at the run's end."""

from traitlets.config import Config

__all__ = ["NO_HISTORY"]

NO_HISTORY = Config({"HistoryManager": {"enabled": False}})
