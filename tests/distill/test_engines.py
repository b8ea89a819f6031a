"""Teaching by the workers of an engine: the bytes of teaching in one process, also where a run was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from audiotag import distill, records
from audiotag.errors import AudiotagError
from audiotag.records import engines

pytestmark = pytest.mark.usefixtures("eager")


class InThisProcess:
    """An engine that stops after some shards."""

    def __init__(self, shards: int) -> None:
        self.shards = shards

    def make_shards(self, work: object, shards: list, advance: Callable[[int], None]) -> Iterator[object]:
        for shard in shards[: self.shards]:
            yield work.finish(shard, advance)
        if self.shards < len(shards):
            raise KeyboardInterrupt


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "teacher.json"}


def test_beam_teaches_with_the_same_bytes(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    pytest.importorskip("apache_beam", reason='needs pip install "audiotag[beam]"')
    file = teacher_file()
    straight = distill.teach(data, file, batch_size=4, name="straight")
    engine = engines.on_beam("--direct_running_mode=in_memory")
    folder = distill.teach(data, [str(file)], batch_size=4, name="beam", engine=engine)
    assert contents(folder) == contents(straight)
    card, other = (records.teachers.read(each) for each in (folder, straight))
    assert card | {"name": ""} == other | {"name": ""}
    assert records.verify(data.path) == []


@pytest.mark.parametrize("goes_on", ["here", "on the engine"])
def test_teaching_on_an_engine_that_was_stopped_goes_on(
    data: records.Data, teacher_file: Callable[..., Path], goes_on: str
) -> None:
    file, name = teacher_file(), goes_on.replace(" ", "-")
    with pytest.raises(KeyboardInterrupt):
        distill.teach(data, file, batch_size=4, name=name, engine=InThisProcess(1))
    assert records.verify(data.path) == []
    made = {path.name: path.stat().st_ino for path in data.teacher_folder(name).glob("*.tfrecord")}
    assert len(made) == 1
    folder = distill.teach(
        data, file, batch_size=4, name=name, engine=None if goes_on == "here" else InThisProcess(100)
    )
    assert made.items() <= {path.name: path.stat().st_ino for path in folder.iterdir()}.items()
    assert contents(folder) == contents(distill.teach(data, file, batch_size=4, name="straight"))


def test_what_workers_cannot_open_is_refused(data: records.Data, teacher_file: Callable[..., Path]) -> None:
    from audiotag import scorers

    with pytest.raises(AudiotagError, match="workers open a teacher themselves, received the object"):
        distill.teach(data, scorers.open(teacher_file(), data), engine=InThisProcess(1))
