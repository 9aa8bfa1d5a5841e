"""What of the suite was asked for by pytest's options: subjects, save paths, kinds and checks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from saveproof.conformance.campaigns.plan import side_by_side
from saveproof.conformance.checks import ALL_CHECKS, Check, checks_for
from saveproof.conformance.families.description import Described, DescribedPath
from saveproof.conformance.runs.preflight import (
    Unknown,
    admitted,
    info,
    refuse_numbers,
    refuse_out,
    refuse_unknown,
)
from saveproof.reports.records import PathInfo, SubjectInfo
from saveproof.strategies.case import Kind

Item = tuple[str, str, str, str]
"""Subject, save path, kind of model and check: what an item of the suite is given."""


@dataclass(frozen=True)
class Selection:
    """What was asked for; `option` returns an option of the plugin, by its name without prefix.

    `describe` returns what a subject of that name says of itself.
    """

    option: Callable[[str], Any]
    describe: Callable[[str], Described]

    def refuse(self) -> None:
        """Refuse what there is not, and what no run can be made with.

        Raises:
            Unknown, OutOfRange, NotAFolder: there is no such thing, number or folder to be had.
            NotInstalled, SameName, NotDescribed: the subjects are none to run.
            UnknownSubject, NoEnvironment, NotASubject, BrokenSubject: as `subjects.resolve` says.
        """
        option = self.option
        numbers = {name: option(name) for name in ("examples", "seconds")}
        refuse_numbers({**numbers, "timeout": option("timeout")}, {"memory": option("memory")})
        refuse_unknown("check", option("check"), {check.name for check in ALL_CHECKS})
        refuse_unknown("kind", option("kind"), set(map(str, Kind)))
        refuse_out(Path(option("out")))
        infos = admitted(option("subject"))
        refuse_unknown("save path", option("path"), {p.name for s in infos for p in s.paths})
        if not self.parameters():
            raise Unknown("no save path and check is left of what was asked for")

    def parameters(self) -> list[tuple[Item, str]]:
        """Return what each item is given, and the name of what it runs side by side with."""
        asked = self.option("kind")
        kinds = [kind for kind in Kind if not asked or kind in asked]
        return [
            ((name, path.name, str(kind), check.name), f"{name} {set_} {kind}")
            for name in self.option("subject")
            for set_, paths in enumerate(self.sets(name))
            for path in paths.values()
            for kind in kinds
            for check in self._checks(path)
        ]

    @cached_property
    def by_id(self) -> Mapping[str, tuple[Item, str]]:
        """The parameters by what stands in brackets in an item's id: pytest has it ASCII."""
        return {
            "-".join(item).encode("unicode_escape").decode("ascii"): (item, set_)
            for item, set_ in self.parameters()
        }

    def sets(self, subject: str) -> list[Mapping[str, DescribedPath]]:
        """Return the subject's save paths by name, in sets that run side by side."""
        return side_by_side(list(filter(self._is_wanted, self.describe(subject).paths())))

    def subject_infos(self) -> Iterator[SubjectInfo]:
        """Yield what a run's header says of each subject."""
        for one in map(info, map(self.describe, self.option("subject"))):
            yield replace(one, paths=tuple(filter(self._is_wanted, one.paths)))

    def _is_wanted(self, path: DescribedPath | PathInfo) -> bool:
        wanted = self.option("path")
        return not wanted or path.name in wanted

    def _checks(self, path: DescribedPath) -> Sequence[Check]:
        wanted = self.option("check")
        return [c for c in checks_for(path.contract) if not wanted or c.name in wanted]


def in_brackets(item: str) -> str:
    """Return what an item's id says of its parameters."""
    return item.partition("[")[2][:-1]
