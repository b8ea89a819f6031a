"""docs/teachers.md: its commands parse, its table fits, and its teacher follows the protocol."""

from __future__ import annotations

import csv
import re
import shlex
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from audiotag import distill, models, records
from audiotag.distill import folder
from audiotag.errors import AudiotagError
from audiotag.labels import Labels
from audiotag.scorers.vocabulary import match
from audiotag.task import Task

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
ESC10 = (
    *("dog", "rooster", "rain", "sea_waves", "crackling_fire", "crying_baby"),
    *("sneezing", "clock_tick", "helicopter", "chainsaw"),
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_every_command_is_one_that_audiotag_knows(line: str) -> None:
    import typer.main

    from audiotag.cli.app import app

    program, name, *arguments = shlex.split(line)
    command = typer.main.get_command(app).commands[name]
    context = command.make_context(name, arguments, resilient_parsing=False)
    assert program == "audiotag"
    assert context.args in ([], ["--subset", "esc10"])


class Tensor(np.ndarray):
    def numpy(self) -> np.ndarray:
        return np.asarray(self)


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hugging Face's interface as the page uses it, around a model that hears how loud a waveform is."""

    class Extractor:
        @classmethod
        def from_pretrained(cls, checkpoint: str) -> Extractor:
            return cls()

        def __call__(self, waveforms: list, sampling_rate: int, return_tensors: str) -> dict[str, np.ndarray]:
            assert (sampling_rate, return_tensors) == (16_000, "pt")
            assert all(one.ndim == 1 and one.dtype == np.float32 for one in waveforms)
            return {"input_values": np.stack(waveforms)}

    class Model:
        config = types.SimpleNamespace(num_labels=2, id2label={1: "Dog", 0: "Rain"})

        @classmethod
        def from_pretrained(cls, checkpoint: str) -> Model:
            return cls()

        def eval(self) -> Model:
            return self

        def __call__(self, input_values: np.ndarray) -> types.SimpleNamespace:
            loudness = (input_values**2).mean(axis=1)
            return types.SimpleNamespace(logits=np.stack([loudness, -loudness], 1).view(Tensor))

    module = types.ModuleType("transformers")
    module.ASTFeatureExtractor, module.ASTForAudioClassification = Extractor, Model
    monkeypatch.setitem(sys.modules, "transformers", module)


def test_the_teacher_of_the_page_teaches(
    audible: records.Data,
    transformers: None,
    stored: Callable,
    waveforms: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (code,) = blocks("python")
    (tmp_path / "my_teacher.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = distill.teach(audible, "my_teacher:AST")
    monkeypatch.delitem(sys.modules, "my_teacher")
    assert folder.name == "ast"
    views = waveforms(audible)
    for key, (dog, rain, sea) in stored(folder, audible).items():
        assert dog == -rain
        assert rain == pytest.approx((soxr.resample(views[key], 8000, 16_000) ** 2).mean(), rel=1e-3)
        assert np.isnan(sea)


def test_the_table_of_the_page_makes_an_audioset_teacher_know_all_of_esc10(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text(*blocks("csv"), encoding="utf-8")
    data = types.SimpleNamespace(name="esc10", task=Task.MULTICLASS, labels=Labels(ESC10))
    labels = models.audioset_labels()
    with pytest.raises(AudiotagError, match="lacks 6 of the 10"):
        folder.check_known("mn04_as", match("mn04_as", labels, data.labels, "esc10").unknown(data.labels), data)
    matched = match("mn04_as", labels, data.labels, "esc10", tmp_path / "map.csv")
    with (tmp_path / "map.csv").open(newline="", encoding="utf-8") as file:
        rows = [(row["teacher"], row["data"]) for row in csv.DictReader(file)]
    by_hand = [*rows, ("Dog", "dog"), ("Rain", "rain"), ("Helicopter", "helicopter"), ("Chainsaw", "chainsaw")]
    for name, sources in zip(ESC10, matched.sources, strict=True):
        assert {labels.names[source] for source in sources} == {one for one, ours in by_hand if ours == name}
