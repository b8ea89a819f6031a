"""Files of ELAN (EAF, an XML of time slots and tiers of annotations)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from audiotag.annotations.annotation import Annotation
from audiotag.annotations.tiers import choose
from audiotag.errors import AudiotagError
from audiotag.labels import split_cell


def read(path: Path, label: str | None = None, keep: Sequence[str] = ()) -> list[Annotation]:
    """Read an EAF file; arguments as of `reading.read`.

    An annotation that refers to another has the times of that.
    """
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=_Builder())).getroot()
        _check_origin(path, root)
        times = {slot.attrib["TIME_SLOT_ID"]: slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
        marks = {each.attrib["ANNOTATION_ID"]: each for each in root.iter() if each.tag in _KINDS}
        tiers = {
            tier.attrib["TIER_ID"]: [each for each in tier.iter() if each.tag in _KINDS] for tier in root.iter("TIER")
        }
        annotations = []
        for name in choose(path, {tier: len(own) for tier, own in tiers.items()}, label):
            for mark in tiers[name]:
                place = f"{path.name} tier {name} annotation {mark.attrib['ANNOTATION_ID']}"
                aligned = _aligned(mark, marks)
                span = [times[aligned.attrib[f"TIME_SLOT_REF{end}"]] for end in (1, 2)]
                if None in span:
                    raise AudiotagError(f"{place} has no time: give it one in ELAN, or choose other tiers")
                text = mark.findtext("ANNOTATION_VALUE") or ""
                onset, offset = (int(value) / 1000 for value in span)
                annotations += [Annotation(onset, offset, each, place=place) for each in split_cell(text) or ("",)]
    except (ElementTree.ParseError, KeyError, ValueError, OverflowError, OSError) as error:
        raise AudiotagError(f"{path} is no file of ELAN ({type(error).__name__}: {error}): save it again") from error
    return annotations


_KINDS = ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION")


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        """Refuse what entities could be declared in, which grow without bounds; ELAN writes none."""
        raise ValueError(f"it declares a document type, {name}")


def _aligned(mark: ElementTree.Element, marks: dict[str, ElementTree.Element]) -> ElementTree.Element:
    """The annotation with times that another refers to, over any number of steps."""
    for _ in range(len(marks)):
        if mark.tag == "ALIGNABLE_ANNOTATION":
            return mark
        mark = marks[mark.attrib["ANNOTATION_REF"]]
    raise ValueError(f"annotations refer to each other, {mark.attrib['ANNOTATION_ID']} is one of them")


def _check_origin(path: Path, root: ElementTree.Element) -> None:
    for media in root.iter("MEDIA_DESCRIPTOR"):
        if int(media.get("TIME_ORIGIN", 0)):
            raise AudiotagError(
                f"times are those of the recording, {path} shifts its media by {media.get('TIME_ORIGIN')} ms "
                "(TIME_ORIGIN): remove the offset in ELAN"
            )
