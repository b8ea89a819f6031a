"""A job on its way to a worker, which may be another process or on another machine."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

from audiotag.errors import AudiotagError
from audiotag.records.declaration import DATASET_MODULE, import_text
from audiotag.records.journal import Journal
from audiotag.records.plan import Job


@dataclass(frozen=True)
class Parcel:
    """A job, its journal, and the dataset files that the job's functions come from.

    Args:
        files: name, path and text of each dataset file; the text, since another machine does not have the file.
        pickled: job and journal.
    """

    files: tuple[tuple[str, str, str], ...]
    pickled: bytes

    def unpack(self) -> tuple[Job, Journal]:
        """Job and journal, the dataset files imported."""
        for name, path, text in self.files:
            import_text(name, path, text)
        return pickle.loads(self.pickled)


def pack(job: Job, journal: Journal) -> Parcel:
    """Make a parcel.

    Raises:
        AudiotagError: a function that a worker could not find.
    """
    for part, what in ((job.read, "the declaration's read"), (job.policy, "the policy")):
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
    pickled = pickle.dumps((job, journal))
    used = [module for module in loaded if module.__name__.encode() in pickled]
    files = ((module.__name__, module.__file__, Path(module.__file__).read_text(encoding="utf-8")) for module in used)
    return Parcel(tuple(files), pickled)
