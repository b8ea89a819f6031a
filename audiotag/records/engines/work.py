"""Work: what is done for every shard, on its way to a worker that may be another process or on another machine."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiotag.clips.declaration import DATASET_MODULE, import_text
from audiotag.errors import AudiotagError
from audiotag.records.journal import FinishedShard, Journal
from audiotag.records.plan import ShardPlan

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Work:
    """What is done for every shard.

    Args:
        make: a module-level function of (job, journal, shard, advance, notes) that makes a shard and enters it in the
            journal, as `worker.make_shard` does.
        job: what is the same for every shard; it can be pickled.
        journal: where finished shards are entered.
        folders: what is read and written, so that an engine can refuse what its workers do not see.
        parts: what of the job its user has defined, by what a message calls it.
    """

    make: Callable[[Any, Journal, ShardPlan, Advance, Sequence[str]], FinishedShard]
    job: Any
    journal: Journal
    folders: tuple[Path, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)

    def finish(self, shard: ShardPlan, advance: Advance, notes: Sequence[str] = ()) -> FinishedShard:
        """Make a shard."""
        return self.make(self.job, self.journal, shard, advance, notes)


@dataclass(frozen=True)
class Parcel:
    """Work, and the dataset files that its functions come from.

    Args:
        files: name, path and text of each dataset file; the text, since another machine does not have the file.
        pickled: the work.
    """

    files: tuple[tuple[str, str, str], ...]
    pickled: bytes

    def unpack(self) -> Work:
        """The work, the dataset files imported."""
        for name, path, text in self.files:
            import_text(name, path, text)
        return pickle.loads(self.pickled)


def pack(work: Work) -> Parcel:
    """Make a parcel.

    Raises:
        AudiotagError: a function that a worker could not find.
    """
    for what, part in work.parts.items():
        try:
            pickled = pickle.dumps(part)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise AudiotagError(
                f"{what} goes to worker processes and must be made of module-level functions and classes ({error}): "
                "define it at the top level of a dataset file"
            ) from error
        if b"__main__" in pickled:
            raise AudiotagError(
                f"{what} is defined in the script itself, where worker processes cannot import it from: "
                "move it into a dataset file and load that with records.declare('my_file.py')"
            )
    loaded = [module for name, module in sys.modules.items() if name.startswith(DATASET_MODULE)]
    pickled = pickle.dumps(work)
    used = [module for module in loaded if module.__name__.encode() in pickled]
    files = ((module.__name__, module.__file__, Path(module.__file__).read_text(encoding="utf-8")) for module in used)
    return Parcel(tuple(files), pickled)
