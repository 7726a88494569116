"""What happened to the rows of a log on their way to customers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Something that was dropped, merged or is worth knowing: what, how many, the first ids."""

    what: str
    count: int
    examples: tuple[object, ...] = ()


@dataclass(frozen=True)
class DataReport:
    """How rows of a log became customers; nothing leaves the data without a note here."""

    rows_in: int
    rows_used: int
    purchases: int
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        lines = [f"rows in {self.rows_in:,}, used {self.rows_used:,}, purchases {self.purchases:,}"]
        for note in self.notes:
            first = f" (first: {', '.join(map(str, note.examples))})" if note.examples else ""
            lines.append(f"{note.what}: {note.count:,}{first}")
        return "\n".join(lines)
