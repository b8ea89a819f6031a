"""A built data set, opened: its labels, front end, splits and clips, and its records as a `tf.data.Dataset`."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from audiotag import storage, tables
from audiotag.clip_format import ClipFormat, HoldsClipFormat
from audiotag.clips import splits
from audiotag.clips.declaration import READ_COLUMNS
from audiotag.errors import AudiotagError, suggest
from audiotag.frontend import LogMelConfig
from audiotag.labels import Labels, split_cell
from audiotag.records import balance, plan, teachers
from audiotag.records.clips import clips_of
from audiotag.records.manifest import CLIPS, LABELS, RECORDS, TEACHERS, Manifest, Shard
from audiotag.records.stored import StoredLogMel

if TYPE_CHECKING:
    import pandas
    import tensorflow as tf

Variants = int | Sequence[int] | None


def open(path: str | Path) -> Data:
    """Open a data set that `build` made.

    Raises:
        AudiotagError: there is none, its build was interrupted, or its manifest is damaged.
    """
    return Data(storage.place(path))


class Data(HoldsClipFormat):
    """A data set on disk; nothing but its manifest and labels is read before it is needed.

    Args:
        path: folder of the data set, or its address.
    """

    takes = "log_mel"
    """What a network of it is given."""

    def __init__(self, path: Path) -> None:
        self.path = storage.place(path)
        self.manifest = Manifest.read(self.path)
        description = self.manifest.description
        self.name: str = description["name"]
        self.clip_format = ClipFormat(
            Labels.read(self.path / LABELS, tables.OWN),
            LogMelConfig.from_dict(description["front_end"]),
            description["task"],
            description["seconds"],
            description["pad"],
            description.get("speed", 1.0),
        )
        self.variants: int = description["variants"]
        self.waveforms: bool = "waveforms" in description
        self.masked: bool = "masked" in description
        self.stored = StoredLogMel.from_description(description)
        self.fingerprint: str = self.manifest.fingerprint
        self._records = cache(self._arrange)

    def __repr__(self) -> str:
        return f"Data({str(self.path)!r}: {self.name}, {len(self.labels)} classes, {sum(self.splits.values())} clips)"

    @cached_property
    def clips(self) -> pandas.DataFrame:
        """`clips.csv`: every declared clip with its split, labels (one cell), status and reason."""
        import pandas

        content = io.BytesIO(storage.read_bytes(self.path / CLIPS))
        table = pandas.read_csv(content, dtype=str, keep_default_na=False)
        return table.assign(start=table["start"].astype(float), end=pandas.to_numeric(table["end"]).astype(float))

    def rows(self, clip_ids: Sequence[str] | np.ndarray) -> pandas.DataFrame:
        """Rows of `clips.csv` in the order given.

        Raises:
            AudiotagError: a clip that the data set does not have.
        """
        table = self.clips.set_index("clip_id", drop=False)
        unknown = [clip_id for clip_id in clip_ids if clip_id not in table.index]
        if unknown:
            raise AudiotagError(
                f"{self.name} lacks {len(unknown)} of the {len(clip_ids)} clips, {str(unknown[0])!r} for one: "
                "name the data set that they are of"
            )
        return table.loc[list(clip_ids)]

    @cached_property
    def splits(self) -> dict[str, int]:
        """Number of clips in the records, by split."""
        sizes: dict[str, int] = {}
        for shard in self.manifest.shards:
            sizes[shard.split] = sizes.get(shard.split, 0) + shard.examples // (1 + self.variants)
        return sizes

    @cached_property
    def channel(self) -> str | None:
        """The channel of all its recordings, as of `audio.Recording`; None: the usual one, or they differ."""
        channels = set(self.clips.get(READ_COLUMNS[0], ()))
        return (channels.pop() or None) if len(channels) == 1 else None

    @property
    def travels_as(self) -> str:
        """What the log-mel goes to the device as: as it is stored, where that is float16, to be widened there."""
        return "float16" if self.stored.kind == "float16" else "float32"

    @property
    def recordings(self) -> Path | None:
        """Root folder of the sound files that it was built from; None where they are not there, or are none."""
        stated = self.manifest.recordings
        folder = storage.place(stated) if "://" in stated else self.path.resolve() / stated
        return folder if stated and folder.is_dir() else None

    @property
    def teachers(self) -> list[str]:
        """Names of the teachers whose outputs lie beside the records."""
        return sorted(path.parent.name for path in (self.path / TEACHERS).glob(f"*/{teachers.CARD}"))

    def teacher_folder(self, name: str) -> Path:
        """Where a teacher's shards lie, whether they exist or not."""
        return storage.inside(self.path / TEACHERS, name)

    def select(self, expression: str) -> list[str]:
        """The splits an expression names: "fold1..4", "train", "train+fold2", "fold1,fold3", "all"."""
        return splits.select(expression, list(self.splits))

    def count(self, expression: str, variants: Variants = None) -> int:
        """Number of examples in splits.

        Args:
            expression: see `select`.
            variants: which views of a clip: None for all, a number for one, or several numbers.
        """
        views = len(self._views(variants))
        return views * sum(self.splits[split] for split in self.select(expression))

    def steps(
        self,
        expression: str,
        batch_size: int,
        variants: Variants = None,
        drop_remainder: bool = False,
        hosts: int = 1,
    ) -> int:
        """Number of batches of an epoch; arguments as in `read`. Of several hosts, that of the one with the fewest."""
        examples = self.count(expression, variants)
        if hosts > 1:
            selected, what = self.selected_shards(expression), f"split {expression!r} of {self.name}"
            parts = [_of_host(selected, (index, hosts), what) for index in range(hosts)]
            least = min(sum(shard.examples for shard in part) for part in parts)
            examples = least // (1 + self.variants) * len(self._views(variants))
        return examples // batch_size if drop_remainder else -(-examples // batch_size)

    def _views(self, variants: Variants) -> list[int]:
        """The numbers of the views that `variants` chooses, checked and sorted."""
        known = range(1 + self.variants)
        chosen = list(known) if variants is None else [variants] if isinstance(variants, int) else sorted({*variants})
        if not chosen or any(variant not in known for variant in chosen):
            raise AudiotagError(
                f"{self.name} has variants 0 (untouched) to {self.variants}, received {variants!r}: choose among them"
            )
        return chosen

    def shards(self, split: str) -> list[Path]:
        """Files of a split, in the order of reading."""
        return [self.path / RECORDS / shard.name for shard in self.selected_shards(split)]

    def selected_shards(self, expression: str) -> list[Shard]:
        """The manifest's entries for the shards of some splits, in the order of reading."""
        return [shard for split in self.select(expression) for shard in self.manifest.shards if shard.split == split]

    def keys(self, shard: str | Path) -> list[tuple[str, int]]:
        """Clip id and variant of every record of a shard, in the order of the file.

        Args:
            shard: path or name of a shard.
        """
        records = self._records_of(self._shard(shard))
        return list(zip(records["clip_id"].tolist(), records["variant"].tolist(), strict=True))

    def _shard(self, shard: str | Path) -> Shard:
        by_name = {listed.name: listed for listed in self.manifest.shards}
        name = PurePath(str(shard)).name
        if name not in by_name:
            raise AudiotagError(f"{self.name} has no shard {name!r}: {suggest(name, by_name)}")
        return by_name[name]

    def _arrange(self, split: str) -> pandas.DataFrame:
        """The records of a split in the order of the files, known from `clips.csv` and the manifest alone.

        Its index are the names of the shards; `row` is the clip's in `clips`.
        """
        import pandas

        accepted, shards = clips_of(self, split), self.selected_shards(split)
        clip, variant, sizes = plan.arrange(accepted["clip_id"].tolist(), self.variants, len(shards))
        names = np.repeat(np.array([shard.name for shard in shards], object), sizes)
        columns = {"clip_id": accepted["clip_id"].to_numpy()[clip], "variant": variant}
        return pandas.DataFrame(columns | {"row": accepted.index.to_numpy()[clip]}, pandas.Index(names))

    def _records_of(self, shard: Shard) -> pandas.DataFrame:
        return self._records(shard.split).loc[shard.name : shard.name]

    def record_weights(self, expression: str, variants: Variants = None, *, balanced: bool = False) -> np.ndarray:
        """Sampler weight of every record of some splits, in the order of reading.

        Args:
            expression: see `select`.
            variants: views that may be drawn; the weight of others is 0.
            balanced: weights by class rarity (`balance.weights`); else 1.

        Returns:
            (records,), float64.
        """
        import pandas

        records = pandas.concat([self._records(split) for split in self.select(expression)])
        clip_weights = np.ones(len(self.clips))
        if balanced:
            accepted = clips_of(self, expression)
            indices = [[self.labels.index(name) for name in split_cell(cell)] for cell in accepted["labels"]]
            clip_weights[accepted.index] = balance.weights(indices, len(self.labels))
        return np.where(records["variant"].isin(self._views(variants)), clip_weights[records["row"]], 0.0)

    def draws(self, expression: str, epoch: int, *, seed: int = 0, variants: Variants = None) -> dict[str, int]:
        """How many examples of each class an epoch of balanced reading draws.

        Args:
            expression: see `select`.
            epoch: not negative.
            seed: that of `read`.
            variants: views that may be drawn.

        Returns:
            Examples that have the class, by its name; those of a clip with several classes count for each.
        """
        import pandas

        weights = self.record_weights(expression, variants, balanced=True)
        rows = pandas.concat([self._records(split) for split in self.select(expression)])["row"].to_numpy()
        drawn = np.bincount(rows, balance.draws(weights, seed, epoch), len(self.clips)).astype(np.int64)
        counts = dict.fromkeys(self.labels, 0)
        for cell, times in zip(self.clips["labels"], drawn.tolist(), strict=True):
            for name in split_cell(cell) if times else ():
                counts[name] += times
        return counts

    def batches(
        self,
        expression: str | None = None,
        *,
        batch_size: int,
        shards: Collection[str | Path] | None = None,
        clip_ids: Collection[str] | None = None,
        variants: Variants = 0,
        waveforms: bool = False,
    ) -> Iterator[dict[str, np.ndarray]]:
        """Records as NumPy arrays, in the order of the files; no others are decoded.

        Args:
            expression: splits; see `select`. Default: all.
            batch_size: records a batch; the last one may be shorter.
            shards: paths or names of shards; other shards are left out. Default: all of the splits.
            clip_ids: other clips are left out. Default: all clips.
            variants: views of a clip: 0 (default) for the untouched one, several numbers, or None for all.
            waveforms: give the kept waveforms too.

        Yields:
            `clip_id` (list of str), `variant` (batch,) int64, `log_mel` (batch, frames, mels, 1) float32, `target`
            (batch, classes) float32, NaN where nobody judged, and with `waveforms` `waveform` (batch, samples) float32.

        Raises:
            AudiotagError: no such split, shard, clip or variant, waveforms that the data set does not keep, a
                batch_size below 1, or a shard that is missing or damaged.
        """
        from audiotag.records import parser

        if batch_size < 1:
            raise AudiotagError(f"batch_size must be at least 1, received {batch_size}")
        if waveforms and not self.waveforms:
            raise AudiotagError(f"{self.name} keeps no waveforms: build it again with --keep-waveforms")
        selected = self.selected_shards(expression or "all")
        if shards is not None:
            names = {self._shard(shard).name for shard in shards}
            selected = [shard for shard in selected if shard.name in names]
        if clip_ids is not None:
            clip_ids = set(map(str, clip_ids))
            splits_of_clips = set(self.rows(sorted(clip_ids))["split"])
            selected = [shard for shard in selected if shard.split in splits_of_clips]
        views = self._views(variants)
        chosen = {shard: self._chosen(shard, views, clip_ids) for shard in selected}
        parse = parser.examples_of(self.clip_format, self.stored, waveforms=waveforms, masked=self.masked)
        return parser.batches(self.path, chosen, parse, batch_size)

    def _files(self, selected: Sequence[Shard], teacher: str | None) -> Iterator[tuple[Path, int | None, str]]:
        """Path, bytes and checksum of shards, and of those of teachers beside them, whose bytes nothing states."""
        for shard in selected:
            yield self.path / RECORDS / shard.name, shard.bytes, shard.sha256
        if teacher is not None and storage.is_remote(self.path):
            for name in teachers.parse(teacher):
                for shard, entry in teachers.card(self, name)["shards"].items():
                    yield self.teacher_folder(name) / shard, None, entry["sha256"]

    def _chosen(self, shard: Shard, views: list[int], clip_ids: Collection[str] | None) -> np.ndarray:
        """Which records of a shard are of some variants and clips (None: of any clip)."""
        if clip_ids is None and len(views) == 1 + self.variants:
            return np.ones(shard.examples, bool)
        records = self._records_of(shard)
        chosen = records["variant"].isin(views)
        return (chosen if clip_ids is None else chosen & records["clip_id"].isin(clip_ids)).to_numpy()

    def read(
        self, expression: str, *, variants: Variants = None, host: tuple[int, int] = (0, 1), **options: Any
    ) -> tf.data.Dataset:
        """Records as a `tf.data.Dataset`, ready for `fit`.

        Args:
            expression: splits; see `select`.
            variants: views of a clip: None for all, 0 for the untouched one, or several numbers.
            host: which of how many readers this is, such as (0, 4): each has shards of its own, about as many records
                as the others. Default: the only one.
            options: batch_size, shuffle, balance, mixup, teacher, dtype …: the fields of
                `audiotag.records.pipeline.Reading`.

        Returns:
            Elements (log_mel (batch, frames, mels, 1) of `dtype`, target (batch, classes) float32), with `steps` or
            `separate` several targets by name, with `keys` also clip_id (batch,) string and variant (batch,) int64.

        Raises:
            AudiotagError: an option out of range, unknown splits, variants or teacher, a teacher of other data or
                without outputs for these splits, or more hosts than shards.

        Example:
            >>> data.read("fold1..4", batch_size=64, shuffle=True, balance=True, teacher="passt_s", mixup=0.3)
        """
        from audiotag.records import fetching, pipeline

        reading = pipeline.Reading(**options)
        if reading.jitter and not self.waveforms:
            raise AudiotagError(
                f"jitter computes the log-mel anew, and {self.name} keeps no waveforms: build it with --log-mel "
                "waveform, or with --keep-waveforms"
            )
        selected, what = self.selected_shards(expression), f"split {expression!r} of {self.name}"
        if not self.count(expression, variants):
            raise AudiotagError(f"{what} holds no clip: choose another split")
        views = len(self._views(variants))
        selected = _of_host(selected, host, what)
        examples = sum(shard.examples for shard in selected) // (1 + self.variants) * views
        if reading.drop_remainder and examples < (reading.batch_size or 0):
            raise AudiotagError(
                f"{what} holds {examples} examples, less than one batch of {reading.batch_size}: "
                "choose a smaller batch_size, or keep the incomplete batch"
            )
        taught = []
        if reading.teacher is not None:
            taught = teachers.outputs(self, reading.teacher, selected)
            teachers.check_coverage(self, reading.teacher, expression)
        weights = None
        if reading.balance or views < 1 + self.variants:
            every = self.selected_shards(expression)
            kept = np.repeat([shard in selected for shard in every], [shard.examples for shard in every])
            weights = self.record_weights(expression, variants, balanced=reading.balance)[kept]
        records = pipeline.Records(
            clip_format=self.clip_format,
            stored=self.stored,
            waveforms=self.waveforms,
            masked=self.masked,
            shards=[self.path / RECORDS / shard.name for shard in selected],
            sizes=[shard.examples for shard in selected],
            examples=examples,
            record_bytes=self.stored.record_bytes(self.clip_format, self.waveforms),
            taught=taught,
            weights=weights,
            fetch=fetching.fetcher(self._files(selected, reading.teacher)),
        )
        return pipeline.read(records, reading)


def _of_host(shards: list[Shard], host: tuple[int, int], what: str) -> list[Shard]:
    """The shards of one of several readers: the largest go out first, each to whom has the fewest records so far."""
    index, hosts = host
    filled = [shard for shard in shards if shard.examples]
    if not 0 <= index < hosts <= len(filled):
        raise AudiotagError(
            f"host is (index, hosts), index from 0 to hosts - 1, and {what} has {len(filled)} shards for them, "
            f"received {host}: use fewer hosts"
        )
    if hosts == 1:
        return shards
    records_of = [0] * hosts
    own = set()
    for shard in sorted(filled, key=lambda shard: (-shard.examples, shard.name)):
        emptiest = records_of.index(min(records_of))
        records_of[emptiest] += shard.examples
        own |= {shard.name} if emptiest == index else set()
    return [shard for shard in shards if shard.name in own]
