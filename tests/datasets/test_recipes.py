"""The recipes of published results, each run to its end on a tiny data set of its layout, as a user runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from audiotag import cli, metrics, records, run_folder
from tests.datasets.test_audioset import CLASSES, HEAD
from tests.datasets.test_dcase20 import write_list
from tests.datasets.test_esc50 import HEADER

Noises = Callable[..., None]
SHORT = ("--epochs", "1", "--batch-size", "2")
SMALLEST = ("--model", "mn01", "--weights", "none", *SHORT)


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def audioset(root: Path, noises: Noises) -> None:
    """Three classes, two segments of each in training and two in evaluation."""
    write(root / "class_labels_indices.csv", *CLASSES)
    mids = [line.split(",")[1] for line in CLASSES[1:]]
    for table in ("balanced_train", "eval"):
        videos = [f"{table[:4]}_{number:06d}" for number in range(6)]
        rows = (f'{video}, 0.000, 10.000, "{mids[number % 3]}"' for number, video in enumerate(videos))
        write(root / f"{table}_segments.csv", *HEAD, *rows)
        noises(root, *(f"{video}.wav" for video in videos))


def esc50(root: Path, noises: Noises) -> None:
    """Two classes, two clips of each in either of two folds."""
    clips = [(fold, take, target) for fold in (1, 2) for take in "AB" for target in (0, 1)]
    names = [f"{fold}-{target}0{take}-{take}-{target}.wav" for fold, take, target in clips]
    rows = (
        f"{name},{fold},{target},{('dog', 'rooster')[target]},True,{fold}{target}{take},{take}"
        for name, (fold, take, target) in zip(names, clips, strict=True)
    )
    write(root / "meta" / "esc50.csv", HEADER, *rows)
    noises(root / "audio", *names)


def fsd50k(root: Path, noises: Noises) -> None:
    """Two classes, two recordings of each in every split."""
    truth = root / "FSD50K.ground_truth"
    write(truth / "vocabulary.csv", "0,Guitar,/m/0342h", "1,Music,/m/04rlf")
    labels = ("Music", '"Guitar,Music"')
    dev = [f"{number},{labels[number % 2]},x,{'train' if number < 4 else 'val'}" for number in range(8)]
    write(truth / "dev.csv", "fname,labels,mids,split", *dev)
    write(truth / "eval.csv", "fname,labels,mids", *(f"{8 + number},{labels[number % 2]},x" for number in range(4)))
    noises(root / "FSD50K.dev_audio", *(f"{number}.wav" for number in range(8)), seconds=0.3)
    noises(root / "FSD50K.eval_audio", *(f"{number}.wav" for number in range(8, 12)), seconds=0.3)


def openmic(root: Path, noises: Noises) -> None:
    """Three instruments, two of them judged in each of six excerpts a split."""
    rows, instruments = [], ("banjo", "clarinet", "drums")
    for split in ("train", "test"):
        keys = [f"00000{number}_{len(split)}" for number in range(6)]
        write(root / "partitions" / f"split01_{split}.csv", *keys)
        noises(root / "audio" / "000", *(f"{key}.wav" for key in keys))
        for path in (root / "audio" / "000").glob("*.wav"):
            soundfile.write(path.with_suffix(".ogg"), *soundfile.read(path))
            path.unlink()
        rows += [
            f"{key},{instruments[(number + place) % 3]},{(number // 3 + place) % 2}.0,3"
            for number, key in enumerate(keys)
            for place in (0, 1)
        ]
    write(root / "openmic-2018-aggregated-labels.csv", "sample_key,instrument,relevance,num_responses", *rows)


def dcase20(root: Path, noises: Noises) -> None:
    """Two scenes, two recordings of each in either list, the tested ones by another device."""
    (root / "evaluation_setup").mkdir(parents=True)
    for city, device, file in (("lyon", "a", "fold1_train.csv"), ("paris", "s6", "fold1_evaluate.csv")):
        names = tuple(f"audio/{scene}-{city}-{place}-0-{device}.wav" for scene in ("bus", "tram") for place in (1, 2))
        write_list(root / "evaluation_setup" / file, names)
        noises(root, *names)


def speech_commands(root: Path, noises: Noises) -> None:
    """Two words of three speakers, one a split."""
    names = {
        speaker: [f"{word}/{speaker}_nohash_{take}.wav" for word in ("yes", "no") for take in (0, 1)]
        for speaker in "abc"
    }
    noises(root, *(name for of_speaker in names.values() for name in of_speaker))
    write(root / "validation_list.txt", *names["b"])
    write(root / "testing_list.txt", *names["c"])


def spoken_digits(root: Path, noises: Noises) -> None:
    """Two digits, three takes of two speakers."""
    takes = [f"{digit}_{speaker}_{take}.wav" for digit in (1, 2) for speaker in "ab" for take in range(3)]
    (root / "recordings").mkdir()
    noises(root / "recordings", *takes, seconds=0.3)


def audioset_strong(root: Path, noises: Noises) -> None:
    """Three classes, an event or two in each of six segments of training and four of evaluation."""
    mids, header = ("/m/0bt9lr", "/m/06mb1", "/m/0gvgw0"), "segment_id\tstart_time_seconds\tend_time_seconds\tlabel"
    write(root / "mid_to_display_name.tsv", *(f"{mid}\tClass {number}" for number, mid in enumerate(mids)))
    for table, count in (("train", 6), ("eval", 4)):
        videos = [f"{table[:4]}_{number:06d}" for number in range(count)]
        rows = [f"{video}_0\t0.0{number}\t0.07\t{mids[number % 3]}" for number, video in enumerate(videos)]
        rows += [f"{video}_0\t0.02\t0.1\t{mids[(number + 1) % 3]}" for number, video in enumerate(videos) if number % 2]
        write(root / f"audioset_{table}_strong.tsv", header, *rows)
        noises(root, *(f"{video}.wav" for video in videos))


LAYOUTS = {
    layout.__name__: layout
    for layout in (audioset, audioset_strong, esc50, fsd50k, openmic, dcase20, speech_commands, spoken_digits)
}


@pytest.fixture(scope="module")
def source(noises: Noises, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a data set of each layout, made once."""
    folders: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            LAYOUTS[name](folders[name], noises)
        return folders[name]

    return make


@pytest.fixture
def recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], eager: None, blank_pictures: None
) -> Callable[..., tuple[Path, str]]:
    """Run a recipe; gives its folder and what it prints."""
    from audiotag.cli.app import app

    def run(name: str, *options: object) -> tuple[Path, str]:
        out = tmp_path / "out"
        with pytest.raises(SystemExit) as end:
            cli.run(app, ["--quiet", "recipe", name, "--out", str(out), *map(str, options)])
        shown = capsys.readouterr()
        assert end.value.code == 0, shown.err
        return out, shown.out

    return run


def check(run: Path, splits: tuple[str, str], clips: int) -> None:
    """The run was trained and validated on these splits and measured on so many clips."""
    resolved = run_folder.recipe(run)
    assert (resolved["train"], resolved["validation"]) == splits
    assert (run / "tagger.keras").is_file() and (run / "report.html").is_file()
    assert len(metrics.load(run / "predictions.npz").clip_ids) == clips


@pytest.mark.slow
def test_a_fold_of_esc50_is_held_out(recipe: Callable[..., tuple[Path, str]], source: Callable[[str], Path]) -> None:
    out, shown = recipe("esc50", "--source", source("esc50"), "--fold", "1", *SMALLEST)
    check(out / "esc50-mn01-fold1", ("fold2", "fold1"), 4)
    assert "% on the held-out folds; published: accuracy 97.45 % of mn40" in shown


@pytest.mark.slow
def test_esc50_is_cross_validated(recipe: Callable[..., tuple[Path, str]], source: Callable[[str], Path]) -> None:
    out, _ = recipe("esc50", "--source", source("esc50"), *SMALLEST)
    for fold, other in ((1, 2), (2, 1)):
        resolved = run_folder.recipe(out / f"esc50-mn01-fold{fold}")
        assert (resolved["train"], resolved["validation"]) == (f"fold{other}", f"fold{fold}")
    assert len(metrics.load(out / "evaluation" / "predictions.npz").clip_ids) == 8


@pytest.mark.slow
def test_digits_are_spelled_of_speakers_held_out(
    recipe: Callable[..., tuple[Path, str]], source: Callable[[str], Path]
) -> None:
    options = ("--clips", "4", "--width", "0.2", "--epochs", "1", "--batch-size", "2")
    out, shown = recipe("spoken_digits", "--source", source("spoken_digits"), "--folds", "2", *options)
    for fold, other in ((1, 2), (2, 1)):
        resolved = run_folder.recipe(out / f"speech-fold{fold}")
        assert (resolved["train"], resolved["validation"]) == (f"fold{other}", f"fold{fold}")
    assert len(metrics.load(out / "evaluation" / "predictions.npz").clip_ids) == 4
    assert "wrong words " in shown and "mean of 2 speakers" in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "splits", "clips"),
    [
        ("fsd50k", ("train", "validation"), 4),
        ("openmic", ("train", "test"), 6),
        ("dcase20", ("train", "test"), 4),
        ("speech_commands", ("train", "validation"), 4),
    ],
)
def test_a_network_is_tuned_and_measured_on_the_test_split(
    recipe: Callable[..., tuple[Path, str]],
    source: Callable[[str], Path],
    name: str,
    splits: tuple[str, str],
    clips: int,
) -> None:
    out, shown = recipe(name, "--source", source(name), *SMALLEST)
    check(out / f"{name}-mn01", splits, clips)
    assert "% on the test split; published: " in shown


@pytest.mark.slow
def test_audioset_is_taught_by_what_is_named(
    recipe: Callable[..., tuple[Path, str]], source: Callable[[str], Path], tmp_path: Path
) -> None:
    import keras

    from audiotag import frontend, models
    from audiotag.clip_format import ClipFormat

    declared = records.declare("audioset", source=source("audioset"))
    log_mel = keras.Input((None, 128, 1))
    network = keras.Model(log_mel, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(log_mel)))
    clip_format = ClipFormat(declared.labels, frontend.preset("efficientat"), declared.task, 10.0)
    models.save(network, tmp_path / "teacher.keras", models.ModelCard("teacher", clip_format, "audioset", "0" * 64))
    options = ("--teacher", tmp_path / "teacher.keras", "--epoch-steps", "2")
    out, shown = recipe("audioset", "--source", source("audioset"), *options, *SMALLEST)
    check(out / "audioset-mn01", ("balanced", "test"), 6)
    assert run_folder.recipe(out / "audioset-mn01")["teacher"] == "teacher"
    assert "published: mAP 48.3 of mn40 without ImageNet" in shown


@pytest.mark.slow
def test_a_network_learns_when_the_classes_of_audioset_sound(
    recipe: Callable[..., tuple[Path, str]], source: Callable[[str], Path], tmp_path: Path
) -> None:
    from audiotag import frontend, models
    from audiotag.clip_format import ClipFormat

    labels = models.audioset_strong_labels()
    card = models.ModelCard("frame_teacher", ClipFormat(labels, frontend.preset("efficientsed"), "multilabel", 10.0))
    models.save(models.build("fmn01", classes=447), tmp_path / "frame_teacher.keras", card)
    options = ("--teacher", tmp_path / "frame_teacher.keras", "--model", "fmn01", "--weights", "none", *SHORT)
    out, shown = recipe("audioset_strong", "--source", source("audioset_strong"), *options)
    check(out / "audioset_strong-fmn01", ("train", "test"), 4)
    assert "% on the test split; published: PSDS1 42.3 of fmn10" in shown
    resolved = run_folder.recipe(out / "audioset_strong-fmn01")
    assert (resolved["strong_weight"], resolved["teacher"]) == (1.0, "frame_teacher")


@pytest.mark.parametrize(
    ("dataset", "options", "splits", "clips"),
    [
        pytest.param("esc50", ("--fold", "2"), ("fold1", "fold2"), 4, marks=pytest.mark.slow),
        pytest.param("audioset", ("--epoch-steps", "2"), ("balanced", "test"), 6, marks=pytest.mark.slow),
        pytest.param("fsd50k", (), ("train", "validation"), 4, marks=pytest.mark.slow),
    ],
)
def test_a_passt_is_trained_on_each_of_its_data_sets(
    recipe: Callable[..., tuple[Path, str]],
    source: Callable[[str], Path],
    dataset: str,
    options: tuple[str, ...],
    splits: tuple[str, str],
    clips: int,
) -> None:
    out, shown = recipe("passt", "--dataset", dataset, "--source", source(dataset), "--small", *options, *SHORT)
    check(out / "passt", splits, clips)
    assert "%; published: " in shown
