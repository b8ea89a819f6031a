"""A policy: which transforms a variant of a clip goes through, the same whoever computes it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from audiotag import audio, storage
from audiotag.augment import presets, timing
from audiotag.augment.randomness import seed_for, seeded
from audiotag.augment.sounds import SoundFolder
from audiotag.errors import AudioError, AudiotagError, suggest

_SLOWEST_REPEATABLE = 0.5  # a slower Signalsmith stretch draws phases from the machine's own randomness


class Policy:
    """Transforms of waveforms, seeded by (seed, clip, variant). Made by `policy`; it can be pickled.

    Args:
        name: "none", "light", "standard", "strong", or the stem of the user's file.
        source: text of the user's file, which defines `policy(sample_rate)`; None for a named policy.
        folders: sounds for "noise" and "impulse_responses", where there are any.
    """

    def __init__(self, name: str, source: str | None = None, folders: Mapping[str, SoundFolder] | None = None) -> None:
        self.name, self._source, self._folders = name, source, dict(folders or {})
        self._chains: dict[int, _Chain] = {}

    def __repr__(self) -> str:
        return f"Policy({self.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_chains": {}}

    def to_dict(self) -> dict[str, Any]:
        """What decides the result, ready for JSON: transforms, parameters, checksums; no path of this machine."""
        import audiomentations

        described = {} if self._source is None else {"file": storage.fingerprint(self._source)}
        described["transforms"] = json.loads(json.dumps(self._steps))  # lists, as JSON gives them back
        described |= {purpose: folder.to_dict() for purpose, folder in self._folders.items()}
        return {"name": self.name, **described, "audiomentations": audiomentations.__version__}

    @property
    def _steps(self) -> tuple[presets.Step, ...]:
        """The steps that are audiotag's own."""
        if self._source is None:
            return presets.steps_of(self.name, self._folders)
        return presets.steps_for_folders(self._folders)

    def apply(
        self,
        waveform: np.ndarray,
        sample_rate: int,
        *,
        seed: int,
        clip_id: str,
        variant: int,
        events: Sequence[Any] = (),
    ) -> tuple[np.ndarray, tuple[Any, ...]]:
        """One variant of a clip.

        Args:
            waveform: (samples,), float32, mono.
            sample_rate: in Hz; named policies are made for 8000 and more.
            seed: seed of the data set.
            clip_id: the clip's name.
            variant: 0 is the clip itself, untouched; 1, 2 … are its augmented views.
            events: strong labels: dataclass objects with `onset`, `offset` (seconds of the waveform, whatever speed
                its recording was played at) and `label`.

        Returns:
            The view, (samples,) float32, of the same length, finite, its peak at most 1; and its events, moved as the
            sound was. An event that rolls over the end becomes two.

        Raises:
            AudiotagError: a transform failed, the rate is too low, or events meet a transform that may move them
                nobody knows where.
        """
        if variant < 0:
            raise AudiotagError(f"variants are numbered 0, 1, 2 …, received {variant}")
        if variant == 0 or self.name == "none":
            return waveform, tuple(events)
        chain = self._chain(sample_rate)
        if events:
            notes = any(getattr(event, "velocity", None) is not None for event in events)
            timing.check_known(chain.leaves, self.name, notes)
        waveform = np.array(waveform, np.float32)
        with seeded(seed_for(seed, clip_id, variant)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                changed, applied = chain.run(waveform.copy(), sample_rate)
            except Exception as error:
                raise AudiotagError(
                    f"policy {self.name!r} failed on clip {clip_id!r} ({type(error).__name__}: {error}): "
                    "correct the transform, or leave the clip out"
                ) from error
        changed = np.asarray(changed, np.float32)
        if not np.isfinite(changed).all():
            raise AudioError(f"policy {self.name!r} made NaN or infinite samples of clip {clip_id!r}: use another")
        changed = audio.fit(changed, len(waveform), "zero")
        changed = changed / max(np.abs(changed).max(initial=0.0), 1.0)  # a policy never clips
        return changed, timing.move(events, applied, len(waveform) / sample_rate)

    def moving(self, sample_rate: int) -> tuple[str, ...]:
        """Names of its transforms that move sound in time, or of which that is not known; sample_rate in Hz."""
        return timing.moving(self._chain(sample_rate).leaves)

    def _chain(self, sample_rate: int) -> _Chain:
        if sample_rate not in self._chains:
            if self._source is None and sample_rate < presets.LOWEST_RATE:
                raise AudiotagError(
                    f"policy {self.name!r} is made for sample rates from {presets.LOWEST_RATE} Hz, received "
                    f"{sample_rate}: choose a higher rate, or write a policy of your own (a .py file)"
                )
            transforms = [] if self._source is None else _run_file(self.name, self._source, sample_rate)
            transforms += [presets.make(step, sample_rate, self._folders) for step in self._steps]
            self._chains[sample_rate] = _Chain(transforms, self.name)
        return self._chains[sample_rate]


class _Chain:
    """Transforms in order, every one of them noting what it was applied to and what it drew."""

    def __init__(self, transforms: Sequence[Any], name: str) -> None:
        self.transforms = list(transforms)
        self.leaves = list(_leaves_of(transforms))
        self._applied: list[timing.Applied] = []
        for leaf in self.leaves:
            slowest = getattr(leaf, "min_rate", 1.0)
            if getattr(leaf, "method", "") == "signalsmith_stretch" and slowest < _SLOWEST_REPEATABLE:
                raise AudiotagError(
                    f"policy {name!r} stretches with min_rate {slowest}, and below {_SLOWEST_REPEATABLE} Signalsmith's "
                    "result differs from run to run: use a higher min_rate, or method='librosa_phase_vocoder'"
                )
            if hasattr(leaf, "apply"):
                leaf.apply = partial(self._note_and_apply, leaf, leaf.apply)

    def _note_and_apply(
        self, leaf: Any, apply: Callable[..., np.ndarray], samples: Any, sample_rate: int
    ) -> np.ndarray:
        self._applied.append(timing.Applied(leaf, dict(leaf.parameters), samples.shape[-1], sample_rate))
        return apply(samples, sample_rate)

    def run(self, waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, list[timing.Applied]]:
        """The waveform after all transforms, and those that were applied, in order."""
        self._applied.clear()
        for transform in self.transforms:
            waveform = transform(waveform, sample_rate)
        return waveform, list(self._applied)


def _leaves_of(transforms: Sequence[Any]) -> Iterator[Any]:
    """The transforms inside compositions (`OneOf`, `SomeOf`, `Compose`) and beside them."""
    for transform in transforms:
        inner = getattr(transform, "transforms", None)
        if inner is None:
            yield transform
        else:
            yield from _leaves_of(inner)


def _run_file(name: str, source: str, sample_rate: int) -> list[Any]:
    module = ModuleType(f"audiotag_policy_{name}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, f"{name}.py", "exec"), module.__dict__)
        function = getattr(module, "policy", None)
        transforms = function(sample_rate) if callable(function) else None
    except Exception as error:
        raise AudiotagError(f"policy file {name}.py fails ({type(error).__name__}: {error}): correct it") from error
    if not isinstance(transforms, (list, tuple)) or not all(callable(transform) for transform in transforms):
        raise AudiotagError(
            f"a policy file defines policy(sample_rate) -> list of audiomentations transforms, {name}.py does not"
        )
    return list(transforms)


def policy(
    name_or_file: str | Path = "none",
    *,
    noise: str | Path | None = None,
    impulse_responses: str | Path | None = None,
) -> Policy:
    """A policy by name, or from a Python file.

    Args:
        name_or_file: "none", "light", "standard", "strong", or a `.py` file that defines
            `policy(sample_rate) -> list of audiomentations transforms`. Default: "none".
        noise: folder of background noises to mix in; any rate, played as they are (see `SoundFolder`). Default: none.
        impulse_responses: folder of room impulse responses to convolve with. Default: none are.

    Raises:
        AudiotagError: an unknown name (the nearest is suggested), a file that fails, a folder without sounds.

    Example:
        >>> view, _ = policy("light").apply(np.zeros(8000, "float32"), 16000, seed=0, clip_id="dog", variant=1)
    """
    purposes = {"noise": noise, "impulse_responses": impulse_responses}
    folders = {
        purpose: SoundFolder.find(folder, purpose.replace("_", " ")) for purpose, folder in purposes.items() if folder
    }
    if str(name_or_file) in presets.PRESETS:
        name = str(name_or_file)
        if name == "none" and folders:
            raise AudiotagError("policy 'none' changes nothing and uses no noise or impulse responses: choose 'light'")
        return Policy(name, None, folders)
    path = Path(name_or_file)
    if path.suffix != ".py":
        raise AudiotagError(
            f"no policy is named {str(name_or_file)!r}: {suggest(str(name_or_file), presets.PRESETS)}, or a .py file"
        )
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"policy file {path} cannot be read ({error}): give an existing Python file") from error
    _run_file(path.stem, source, 32_000)  # what fails is said now
    return Policy(path.stem, source, folders)
