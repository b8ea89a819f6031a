"""Functions as teachers: what they are given, what they may say, and what is said of those that fail."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audiotag import cli, distill, records, storage
from audiotag.cli.app import app
from audiotag.errors import AudiotagError
from audiotag.labels import Labels

MODULE = '''
import numpy as np

def peaks(waveforms):
    """Peak, mean square and length of the waveform."""
    assert waveforms.dtype == np.float32 and waveforms.flags.writeable
    rows = [np.abs(waveforms).max(1), (waveforms**2).mean(1), np.full(len(waveforms), waveforms.shape[1])]
    return np.stack(rows, 1)

peaks.sample_rate = 16000
peaks.labels = ["Sea", "cat", "Dog"]

class Loaded:
    """Made once."""
    name = "loaded"
    version = 3
    made = 0

    def __init__(self):
        Loaded.made += 1

    def __call__(self, waveforms):
        return np.full((len(waveforms), 3), float(Loaded.made))

class NeedsMore:
    def __init__(self, path):
        pass

class Nested:
    teacher = Loaded()

def failing(waveforms):
    raise RuntimeError("no weights\\nsecond line")

def flat(waveforms):
    return waveforms.mean(1)

def whole(waveforms):
    return np.zeros((len(waveforms), 3), int)

def nan(waveforms):
    return np.where(waveforms[:, :3] > -9, np.nan, 0)

def fast(waveforms):
    return waveforms[:, :3]
fast.sample_rate = "fast"

def named_wrongly(waveforms):
    return waveforms[:, :3]
named_wrongly.labels = {1: 2, 3: 4}

constant = 5
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `odd_teachers.py`, which is the current one."""
    (tmp_path / "odd_teachers.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "odd_broken.py").write_text("import no_such_thing\n", encoding="utf-8")
    (tmp_path / "odd_syntax.py").write_text("def teach(:\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("odd_")]:
        del sys.modules[name]


def test_a_function_named_on_the_command_line_hears_every_view_at_its_rate(
    audible: records.Data, module: Path, stored: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    sys.path.remove(str(module))  # the current folder is looked into all the same
    code = cli.run(app, ["--quiet", "teach", str(audible.path), "--teacher", "odd_teachers:peaks"])
    shown = capsys.readouterr()
    folder = audible.teacher_folder("odd_teachers.peaks")
    assert (code, shown.out.splitlines()) == (
        0,
        [
            f"{folder}: 100% of the records, 2 of 3 classes known to the teacher; without: rain",
            "  scores are the sigmoid of the outputs of odd_teachers.peaks, since noises is multilabel",
            "  odd_teachers.peaks hears waveforms resampled from 8000 to 16000 Hz (soxr HQ), of the records",
        ],
    ), shown.err
    rows = stored(folder, audible)
    assert len(rows) == 26
    for dog, rain, sea in rows.values():
        assert (dog, np.isnan(rain), sea > 0) == (3200, True, True)
    assert records.verify(audible.path) == []


def test_the_waveforms_are_those_of_the_records(
    audible: records.Data, module: Path, stored: Callable, waveforms: Callable
) -> None:
    def moments(batch: np.ndarray) -> np.ndarray:
        return np.stack([np.abs(batch).max(1), (batch**2).mean(1), batch[:, 100]], 1)

    moments.version = 1
    rows = stored(distill.teach(audible, moments, name="moments", batch_size=4), audible)
    for key, view in waveforms(audible).items():
        np.testing.assert_allclose(rows[key], [np.abs(view).max(), (view**2).mean(), view[100]], atol=1e-6)


def test_a_class_is_made_once_and_an_object_of_a_module_is_taken_as_it_is(audible: records.Data, module: Path) -> None:
    folder = distill.teach(audible, "odd_teachers:Loaded", batch_size=4)
    card = storage.read_json(folder / "teacher.json")
    assert (card["name"], card["source"]) == ("loaded", "function odd_teachers:Loaded")
    assert card["sha256"] == hashlib.sha256(b"odd_teachers.Loaded 3").hexdigest()
    assert sys.modules["odd_teachers"].Loaded.made == 2  # one of the module's own
    assert distill.teach(audible, "odd_teachers:Nested.teacher", name="nested").name == "nested"
    assert sys.modules["odd_teachers"].Loaded.made == 2


def test_an_edited_module_is_another_teacher(audible: records.Data, module: Path) -> None:
    distill.teach(audible, "odd_teachers:peaks")
    distill.teach(audible, "odd_teachers:peaks")
    with (module / "odd_teachers.py").open("a", encoding="utf-8") as file:
        file.write("# another\n")
    with pytest.raises(AudiotagError, match="choose another name"):
        distill.teach(audible, "odd_teachers:peaks")


def test_what_cannot_be_told_apart_needs_a_version(audible: records.Data) -> None:
    with pytest.raises(AudiotagError, match="attribute version"):
        distill.teach(audible, lambda batch: batch[:, :3], name="local")
    with pytest.raises(AudiotagError, match="attribute version"):
        distill.teach(audible, type("Made", (), {"__call__": lambda self, batch: batch[:, :3]})(), name="made")


def test_labels_come_as_names_as_a_vocabulary_or_as_a_file(
    audible: records.Data, stored: Callable, tmp_path: Path
) -> None:
    def ones(batch: np.ndarray) -> np.ndarray:
        return np.tile(np.array([1.0, 2.0]), (len(batch), 1))

    vocabulary = Labels(("rain", "dog"))
    vocabulary.write(tmp_path / "labels.csv")
    for number, labels in enumerate((["rain", "dog"], vocabulary, str(tmp_path / "labels.csv"))):
        ones.labels, ones.version = labels, number
        for row in stored(distill.teach(audible, ones, name=f"ones{number}"), audible).values():
            np.testing.assert_array_equal(row, [2, 1, np.nan])


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("odd_nothing:f", r"none named 'odd_nothing' in .*module:function"),
        ("odd_teachers.deep:f", "'odd_teachers.deep'|cannot be imported"),
        ("odd_teachers:peak", "odd_teachers:peak is not there: did you mean 'peaks'"),
        ("odd_broken:f", r"odd_broken:f cannot be imported: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("odd_syntax:f", "odd_syntax:f cannot be imported: SyntaxError"),
        ("odd_teachers:constant", "odd_teachers:constant is int: name one"),
        ("odd_teachers:NeedsMore", "odd_teachers:NeedsMore is a class .* without arguments: TypeError"),
        ("odd_teachers:failing", r"odd_teachers:failing failed on .*\(32, 1600\): RuntimeError: no weights$"),
        ("odd_teachers:flat", r"odd_teachers:flat must give .*\(32, …\).* float32 of shape \(32,\)"),
        ("odd_teachers:whole", r"odd_teachers:whole must give .*int64"),
        ("odd_teachers:nan", r"odd_teachers.nan gives nan for clip '(train|test)\d', variant \d"),
        ("odd_teachers:fast", "sample_rate of function odd_teachers:fast is a whole number of Hz, received 'fast'"),
        ("odd_teachers:named_wrongly", "labels of function odd_teachers:named_wrongly are .* received dict"),
    ],
)
def test_a_function_that_does_not_do_is_refused_in_one_line_that_names_it(
    audible: records.Data, module: Path, teacher: str, message: str
) -> None:
    with pytest.raises(AudiotagError, match=message) as caught:
        distill.teach(audible, teacher)
    assert "\n" not in str(caught.value)
    assert audible.teachers == []


def test_nothing_is_imported_because_of_a_file_s_contents(audible: records.Data, module: Path) -> None:
    (module / "odd_trap.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    (module / "map.csv").write_text("teacher,data\nodd_trap:f,dog\n", encoding="utf-8")
    with pytest.raises(AudiotagError, match="has no class 'odd_trap:f'"):
        distill.teach(audible, "odd_teachers:peaks", label_map=module / "map.csv")
    assert "odd_trap" not in sys.modules
