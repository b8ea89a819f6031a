"""A document of sections that is not about a model's predictions: what an inspection of a data set says, for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from audiotag.report.section import Section


@dataclass(frozen=True)
class Key:
    """A figure at the top of a document: its name, its value as it is shown, and what it means."""

    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True)
class Document:
    """What the page shows.

    Args:
        title: what it is about.
        kind: what was done, a phrase.
        lead: what it is about in a sentence.
        keys: the few figures at the top.
        sections: by name, in the order of showing; None where a section has nothing to say.
        facts: of what it is about, by name.
        command: that repeats it.
        files: names of the tables beside the page.
    """

    title: str
    kind: str
    lead: str
    keys: Sequence[Key]
    sections: dict[str, Section | None]
    facts: dict[str, str] = field(default_factory=dict)
    command: str = ""
    files: Sequence[str] = ()

    def shown(self) -> Iterator[tuple[str, Section]]:
        """Names and sections, those that say that there is nothing among them."""
        for name, section in self.sections.items():
            if section is not None:
                yield name, section

    @property
    def conclusions(self) -> list[str]:
        """What a user should do, section by section."""
        return [line for _, section in self.shown() for line in section.conclusions]
