"""The table of published weights, the cache, and AudioSet's labels."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import pytest

from audiotag import frontend, models
from audiotag.errors import AudiotagError
from audiotag.models.architectures import architecture


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache, and no way to the network."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("AUDIOTAG_CACHE", str(folder))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "")
    return folder


HOSTS = (
    "https://github.com/fschmid56/",
    "https://github.com/kkoutini/",
    "https://github.com/theMoro/",
    "https://dl.fbaipublicfiles.com/",
    "https://storage.googleapis.com/",
    "https://zenodo.org/",
)


def _network(preset: models.Preset) -> tuple[str, int, int, int]:
    """What decides the size: architecture, classes, mel bands and frames of 10 s."""
    classes = {"audioset": 527, "audioset_strong": 447, "yamnet": 521, "imagenet": 1000}[preset.labels]
    front_end = preset.front_end
    return preset.architecture, classes, front_end.mels, front_end.frames(10 * front_end.sample_rate)


SINGLE = {name: preset for name, preset in models.PRESETS.items() if len(preset.members) == 1}
HEAVY = ("mn20", "mn30", "mn40", "dymn20", "fmn06", "fmn10", "fmn20", "fmn30", "passt")
# Parameters in millions and MACs in thousand millions for 10 s, as the papers and repositories state them.
PUBLISHED = {
    "mn01_as": (0.124, 0.018),
    "mn02_as": (0.325, 0.040),
    "mn04_as": (0.983, 0.11),
    "mn05_as": (1.43, 0.16),
    "mn10_as": (4.88, 0.54),
    "mn20_as": (17.91, 2.06),
    "mn30_as": (39.09, 4.55),
    "mn40_as": (68.43, 8.03),
    "mn40_as_ext": (68.43, 8.03),
    "mn40_as_ensemble": (615.9, 72.3),
    "mn10_as_fc": (3.48, 0.60),
    "mn10_as_fc_s2221": (3.48, 1.15),
    "mn10_as_fc_s2211": (3.48, 3.98),
    "mn10_as_hop_5": (4.88, 1.07),
    "mn10_as_hop_15": (4.88, 0.36),
    "mn10_as_hop_20": (4.88, 0.27),
    "mn10_as_hop_25": (4.88, 0.22),
    "mn10_as_mels_40": (4.88, 0.21),
    "mn10_as_mels_64": (4.88, 0.27),
    "mn10_as_mels_256": (4.88, 1.08),
    "dymn04_as": (1.97, 0.12),
    "dymn10_as": (10.57, 0.58),
    "dymn20_as": (40.02, 2.2),
}


def test_every_preset_names_an_architecture_and_a_published_file():
    for name, preset in SINGLE.items():
        assert preset.name == name
        assert architecture(preset.architecture)
        assert preset.source.startswith(HOSTS) and preset.source.endswith((".pt", ".pth", ".h5"))
        assert preset.labels != "imagenet" or preset.mAP is None
        assert preset.licence in ("MIT", "Apache-2.0", "CC-BY-4.0", "not stated")
        assert preset.paper.startswith("arXiv:")
    assert len({preset.source for preset in SINGLE.values()}) == len(SINGLE)


def test_an_ensemble_is_made_of_presets_that_hear_alike():
    ensembles = [preset for preset in models.PRESETS.values() if len(preset.members) > 1]
    assert len(ensembles) == 6
    for preset in ensembles:
        members = [models.PRESETS[member] for member in preset.members]
        assert all(member.front_end == preset.front_end and member.labels == preset.labels for member in members)
        assert preset.mAP > max(member.mAP for member in members)
        assert preset.parameters == pytest.approx(sum(member.parameters for member in members), rel=1e-3)


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_those_that_the_authors_publish(name):
    # Some published figures are cut, not rounded; those of DyMN count running statistics too, half a percent at most.
    parameters, macs = PUBLISHED[name]
    close = {"rel": 5e-3 if name.startswith("dymn") else 1e-3, "abs": 0.001 if parameters < 1 else 0.01}
    assert models.PRESETS[name].parameters == pytest.approx(parameters, **close)
    assert models.PRESETS[name].macs == pytest.approx(macs, abs=0.0006 if macs < 0.1 else 0.006, rel=0.01)


@pytest.fixture(scope="module")
def shape_of() -> Callable[..., keras.Model]:
    """A network without values, built once for all hops."""

    @cache
    def build(architecture: str, classes: int, mels: int) -> keras.Model:
        with keras.StatelessScope(initialize_variables=False):
            return models.build(architecture, classes=classes, mels=mels)

    return build


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if preset.architecture.startswith(HEAVY) else [])
        for name, preset in SINGLE.items()
        if name == next(n for n, p in SINGLE.items() if _network(p) == _network(preset))
    ],
)
def test_sizes_are_those_of_the_network(name, shape_of):
    preset = SINGLE[name]
    architecture, classes, mels, frames = _network(preset)
    network = shape_of(architecture, classes, mels)
    assert f"{models.parameters(network) / 1e6:.4g}" == f"{preset.parameters:.4g}"
    assert f"{models.macs(network, frames, mels) / 1e9:.3g}" == f"{preset.macs:.3g}"


def test_the_score_of_a_preset_is_the_one_in_its_file_name():
    stated = {
        name: re.search(r"(?:_mAP_|_mAP=0\.|-ap\.)(\d{2})(\d?)", preset.source) for name, preset in SINGLE.items()
    }
    assert sum(match is not None for match in stated.values()) > 40
    for name, match in stated.items():
        if match:
            assert SINGLE[name].mAP == pytest.approx(float(f"{match[1]}.{match[2] or 0}"), abs=0.11)


def test_front_ends_of_variants_differ_from_the_standard_one_by_one_field():
    standard = frontend.preset("efficientat")
    assert models.preset("mn10_as").front_end == standard
    assert models.preset("mn10_as_hop_5").front_end.difference(standard) == "hop 160 / 320"
    assert models.preset("mn10_as_mels_64").front_end.difference(standard) == "mels 64 / 128"


def test_an_architecture_stands_for_its_audioset_weights():
    assert models.preset("mn40").name == "mn40_as"
    assert models.preset("mn10_fc_s2221").name == "mn10_as_fc_s2221"
    assert models.preset("passt_s").name == "passt_s_as"
    assert models.preset("fmn10").name == "fmn10_strong"
    assert models.preset("fmn10+tf-256").name == "fmn10+tf-256_strong"


def test_an_unknown_preset_suggests_the_nearest():
    with pytest.raises(AudiotagError, match="did you mean 'mn10_as_hop_15'"):
        models.preset("mn10_as_hop15")
    with pytest.raises(AudiotagError, match="no AudioSet weights are published for 'mn15'"):
        models.build("mn15", classes=3, weights="audioset")


def test_weights_of_another_architecture_name_both(offline):
    with pytest.raises(AudiotagError, match=r"'mn04_as' are those of mn04, received the model 'mn10'"):
        models.build("mn10", classes=3, weights="mn04_as")


def test_published_weights_are_taken_from_a_cache_that_was_filled_by_hand(shared, offline):
    shutil.copy(shared("weights/mn04_as_mAP_432.pt"), offline)
    golden = np.load(shared("golden/mn04_as_mAP_432_io.npz"))
    spectrograms = golden["log_mel"].transpose(0, 3, 2, 1)
    model = models.build("mn04", classes=527, weights="mn04_as")
    logits = keras.ops.convert_to_numpy(model(spectrograms))
    np.testing.assert_allclose(logits, golden["logits"], atol=1e-4)
    tops = [models.audioset_labels().names[row.argmax()] for row in logits]
    assert tops == ["Crowing, cock-a-doodle-doo", "Chainsaw"]
    tuned = models.build("mn04", classes=10, weights="audioset")
    pooled = keras.ops.convert_to_numpy(models.embedding_network(tuned, "features")(spectrograms))
    np.testing.assert_allclose(pooled, golden["features"], atol=1e-4)


def test_of_a_checkpoint_of_labels_of_clips_the_head_of_the_mean_step_is_taken(shared, offline):
    import torch

    golden = np.load(shared("golden/fmn04_io.npz"))
    state = models.load_state_dict(shared("golden/fmn04.safetensors"))
    rng = np.random.default_rng(0)
    for head, classes in (("strong_head", 447), ("weak_head", 527)):
        state[f"{head}.weight"] = rng.normal(size=(classes, 384)).astype(np.float32)
        state[f"{head}.bias"] = rng.normal(size=classes).astype(np.float32)
    tensors = {f"net.{name.replace('model.fmn.', 'model.')}": torch.tensor(tensor) for name, tensor in state.items()}
    for file in ("fmn04_weak.pt", "fmn04_strong.pt"):
        torch.save(tensors, offline / file)
    spectrograms = golden["log_mel"].transpose(0, 3, 2, 1)
    weak = models.load_published("fmn04_weak")
    steps = keras.ops.convert_to_numpy(models.embedding_network(weak, "features")(spectrograms))
    expected = steps @ state["weak_head.weight"].T + state["weak_head.bias"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weak(spectrograms)), expected, atol=1e-4)
    strong = models.load_published("fmn04_strong")
    assert strong.output_shape == (None, 447)
    head = keras.ops.convert_to_numpy(strong.get_layer("frame_logits").kernel)
    assert np.array_equal(head, state["strong_head.weight"].T)


def test_offline_with_an_empty_cache_is_one_clear_line(offline):
    with pytest.raises(AudiotagError, match=r"mn04_as_mAP_432\.pt is not in the cache") as raised:
        models.build("mn04", classes=527, weights="mn04_as")
    assert "\n" not in str(raised.value)


def test_a_damaged_file_in_the_cache_is_refused(offline):
    (offline / "mn04_as_mAP_432.pt").write_bytes(b"damaged")
    with pytest.raises(AudiotagError, match="does not have the expected SHA-256"):
        models.build("mn04", classes=527, weights="mn04_as")


def test_audioset_labels_are_the_published_list(shared):
    with shared("weights/audioset_class_labels_indices.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = models.audioset_labels()
    assert len(labels) == 527
    assert labels.names == tuple(row["display_name"] for row in rows)
    assert labels.ids == tuple(row["mid"] for row in rows)


def test_labels_of_audioset_strong_are_447_sorted_by_name_with_the_ids_of_audioset():
    labels, every = models.audioset_strong_labels(), models.audioset_labels()
    assert len(labels) == 447 and list(labels.names) == sorted(labels.names)
    known = dict(zip(every.names, every.ids, strict=True))
    shared_names = [name for name in labels.names if name in known]
    assert len(shared_names) == 365
    assert all(labels.ids[labels.index(name)] == known[name] for name in shared_names)
    assert len(set(labels.ids) & set(every.ids)) == 376
