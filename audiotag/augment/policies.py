"""A policy: which transforms a variant of a clip goes through, the same whoever computes it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from audiotag import audio, storage
from audiotag.augment import presets, timing
from audiotag.augment.chain import Chain
from audiotag.augment.randomness import seed_for, seeded
from audiotag.augment.sounds import SoundFolder
from audiotag.errors import AudioError, AudiotagError, suggest


class Policy:
    """Transforms of waveforms, seeded by (seed, clip, variant). Made by `policy`; it can be pickled.

    Args:
        name: "none", "light", "standard", "strong", or the stem of the user's file.
        source: text of the user's file, which defines `policy(sample_rate)`; None for a named policy.
        noise: background noises, if any.
        impulse_responses: room impulse responses, if any.
    """

    def __init__(
        self,
        name: str,
        source: str | None = None,
        noise: SoundFolder | None = None,
        impulse_responses: SoundFolder | None = None,
    ) -> None:
        self.name = name
        self._source = source
        self._noise = noise
        self._impulse_responses = impulse_responses
        self._chains: dict[int, Chain] = {}

    def __repr__(self) -> str:
        return f"Policy({self.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_chains": {}}

    def to_dict(self) -> dict[str, Any]:
        """What decides the result, ready for JSON: transforms, parameters, checksums; no path of this machine."""
        import audiomentations

        if self._source is None:
            described = {"transforms": presets.steps_of(self.name, self._noise, self._impulse_responses)}
        else:
            added = presets.steps_for_folders(self._noise, self._impulse_responses)
            described = {"file": storage.fingerprint(self._source), "transforms": added}
        described["transforms"] = _as_lists(described["transforms"])
        folders = {"noise": self._noise, "impulse_responses": self._impulse_responses}
        described |= {purpose: folder.to_dict() for purpose, folder in folders.items() if folder}
        return {"name": self.name, **described, "audiomentations": audiomentations.__version__}

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
            events: strong labels: dataclass objects with `onset`, `offset` (seconds) and `label`.

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
            timing.check_known(chain.leaves, self.name)
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
        changed = _limit_peak(audio.fit(changed, len(waveform), "zero"))
        return changed, timing.move(events, applied, len(waveform) / sample_rate)

    def _chain(self, sample_rate: int) -> Chain:
        if sample_rate not in self._chains:
            folders = (self._noise, self._impulse_responses)
            if self._source is None:
                if sample_rate < presets.LOWEST_RATE:
                    raise AudiotagError(
                        f"policy {self.name!r} is made for sample rates from {presets.LOWEST_RATE} Hz, received "
                        f"{sample_rate}: choose a higher rate, or write a policy of your own (a .py file)"
                    )
                transforms, steps = [], presets.steps_of(self.name, *folders)
            else:
                transforms = _run_file(self.name, self._source, sample_rate)
                steps = presets.steps_for_folders(*folders)
            transforms += [presets.make(step, sample_rate, *folders) for step in steps]
            self._chains[sample_rate] = Chain(transforms, self.name)
        return self._chains[sample_rate]


def _limit_peak(waveform: np.ndarray) -> np.ndarray:
    """The waveform as it is, or made quieter so that its peak is 1: a policy never clips."""
    peak = np.abs(waveform).max(initial=0.0)
    return waveform / peak if peak > 1.0 else waveform


def _as_lists(value: Any) -> Any:
    """Tuples as lists, as JSON gives them back."""
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, (tuple, list)) else value


def _run_file(name: str, source: str, sample_rate: int) -> list[Any]:
    """The transforms that the user's file returns."""
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
        noise: folder of background noises to mix in; any rate. Default: none are.
        impulse_responses: folder of room impulse responses to convolve with. Default: none are.

    Raises:
        AudiotagError: an unknown name (the nearest is suggested), a file that fails, a folder without sounds.

    Example:
        >>> view, _ = policy("light").apply(np.zeros(8000, "float32"), 16000, seed=0, clip_id="dog", variant=1)
    """
    folders = {
        "noise": SoundFolder.find(noise, "noise") if noise else None,
        "impulse_responses": SoundFolder.find(impulse_responses, "impulse responses") if impulse_responses else None,
    }
    if str(name_or_file) in presets.PRESETS:
        name = str(name_or_file)
        if name == "none" and any(folders.values()):
            raise AudiotagError("policy 'none' changes nothing and uses no noise or impulse responses: choose 'light'")
        return Policy(name, **folders)
    path = Path(name_or_file)
    if path.suffix != ".py":
        raise AudiotagError(
            f"no policy is named {str(name_or_file)!r}: {suggest(str(name_or_file), presets.PRESETS)}, or a .py file"
        )
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AudiotagError(f"policy file {path} cannot be read ({error}): give an existing Python file") from error
    made = Policy(path.stem, source, **folders)
    _run_file(made.name, source, 32_000)
    return made
