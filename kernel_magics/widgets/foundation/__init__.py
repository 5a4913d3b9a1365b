"""What every view rests on: the live view, the table that renews itself, HTML reports."""

__all__: list[str] = []
