"""What the settings overview shows: each section in a line, and the steps of setting a campus up in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flask import url_for

from webapp.campus.words import HOLDS_EXPORT
from webapp.domain.campus_settings import SECTIONS, CampusSettings
from webapp.domain.schedule import ScheduleError, describe, rule_from_json
from webapp.domain.settings_summary import SectionSummary, summarise
from webapp.models.scope import ScopedSession
from webapp.store import schedules, settings_pages
from webapp.store.people import CampusAccess
from webapp.store.settings_pages import LastTest, SetBy, StoredSection

# A test says nothing any more once one of these was changed after it.
_DEPENDS_ON = {
    "alma": ("alma", "alma_api_key"),
    "source": ("source", "alma", "alma_api_key"),
    "delivery": ("delivery", "sftp_password", "sftp_private_key", "sftp_passphrase"),
    "arrival": (
        "arrival",
        "arrival_sftp_password",
        "arrival_sftp_private_key",
        "arrival_sftp_passphrase",
    ),
}
_CHANGES = ("settings.changed", "secret.changed", "secret.removed")
_AREAS = (
    ("What comes in", ("alma", "source")),
    ("What PeopleSoft is told", ("policy", "mapping", "files")),
    ("Charges to PeopleSoft", ("arrival", "bursar", "charge_maps")),
    ("Where it goes", ("delivery", "notification", "mail_template")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the overview. ``state`` is "" where nothing needs saying."""

    title: str
    url: str
    line: str
    missing: tuple[str, ...] = ()
    set_by: SetBy | None = None
    test: LastTest | None = None


@dataclass(frozen=True, slots=True)
class SetUpStep:
    """One step of setting up: done, or what to do (and where)."""

    title: str
    is_done: bool
    todo: str
    url: str
    action: str


@dataclass(frozen=True, slots=True)
class Overview:
    """The areas with their entries, and the steps in order."""

    areas: tuple[tuple[str, tuple[Entry, ...]], ...]
    steps: tuple[SetUpStep, ...]

    @property
    def next_step(self) -> SetUpStep | None:
        """The first that is not done."""
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def lacking(self) -> int:
        """How many sections cannot be used as they are."""
        return sum(bool(entry.missing) for _, entries in self.areas for entry in entries)


def read_overview(session: ScopedSession, campus: CampusAccess) -> Overview:
    """Everything the overview shows, in a handful of reads."""
    stored = settings_pages.stored_sections(session)
    secrets = settings_pages.secrets_held(session)
    settings = CampusSettings({name: row.value for name, row in stored.items()})
    summaries = summarise(settings, secrets)
    tests = tests_of(session, tuple(_DEPENDS_ON))
    schedule = _schedule_entry(session)
    rehearsed, ran = settings_pages.runs_done(session, HOLDS_EXPORT)
    areas = tuple(
        (title, tuple(_entry(summaries[name], stored.get(name), tests.get(name)) for name in names))
        for title, names in _AREAS
    )
    people = (
        schedule,
        Entry("Members", url_for("campus.members"), f"Who works for {campus.name}, and what each may do."),
        Entry(
            "Changes", url_for("campus.settings_history"), "Everything that was changed, by whom and when."
        ),
    )
    steps = _steps(settings, summaries, stored, tests, schedule=schedule, has_rehearsed=rehearsed or ran)
    return Overview((*areas, ("When, and who", people)), steps)


def tests_of(session: ScopedSession, sections: Collection[str]) -> dict[str, LastTest]:
    """The newest test of each section that has one."""
    wanted = [name for name in sections if name in _DEPENDS_ON]
    if not wanted:
        return {}
    subjects = {subject for name in wanted for subject in (name, *_DEPENDS_ON[name])}
    newest = settings_pages.newest_events(session, subjects)
    found = {}
    for name in wanted:
        if (name, "settings.tested") not in newest:
            continue
        n, at, actor, said = newest[name, "settings.tested"]
        changed = max(
            (newest[s, a][0] for s in _DEPENDS_ON[name] for a in _CHANGES if (s, a) in newest), default=0
        )
        found[name] = LastTest(at, actor, is_well=bool(said.get("is_well")), is_current=changed < n)
    return found


def section_url(name: str) -> str:
    """The page of a section."""
    if name in {"mail_template", "charge_maps"}:
        return url_for(f"campus.{name}")
    return url_for("campus.settings_section", section=name)


def _entry(summary: SectionSummary, stored: StoredSection | None, test: LastTest | None) -> Entry:
    return Entry(
        summary.title,
        section_url(summary.name),
        summary.line,
        summary.missing,
        stored.set_by if stored else None,
        test,
    )


def _schedule_entry(session: ScopedSession) -> Entry:
    row = schedules.schedule_of(session, HOLDS_EXPORT)
    url = url_for("campus.schedule")
    missing = ("Nothing runs by itself yet.",)
    if row is None:
        return Entry("Schedule", url, "Not scheduled.", missing)
    try:
        rule = rule_from_json(row.rule)
    except ScheduleError as err:
        return Entry("Schedule", url, "The stored schedule cannot be used.", err.faults)
    set_by = SetBy(row.updated_at, "")
    if not row.is_enabled:
        return Entry("Schedule", url, f"Switched off. It was: {describe(rule)}.", missing, set_by)
    return Entry("Schedule", url, f"{describe(rule)}.", missing if rule.kind == "none" else (), set_by)


def _steps(
    settings: CampusSettings,
    summaries: Mapping[str, SectionSummary],
    stored: Mapping[str, StoredSection],
    tests: Mapping[str, LastTest],
    *,
    schedule: Entry,
    has_rehearsed: bool,
) -> tuple[SetUpStep, ...]:
    def tested(name: str) -> bool:
        test = tests.get(name)
        return test is not None and test.is_well and test.is_current

    def step(title: str, name: str, *, is_done: bool, todo: str) -> SetUpStep:
        missing = summaries[name].missing
        return SetUpStep(
            title,
            is_done and not missing,
            " ".join(missing) or todo,
            section_url(name),
            f"Open {SECTIONS[name].title}",
        )

    needs_alma = settings["source"]["kind"] != "violations_file"
    needs_sftp = settings["delivery"]["sftp_enabled"]
    return (
        step("Alma key", "alma", is_done=tested("alma") or not needs_alma, todo="Test that the key belongs to the campus."),
        step("Source", "source", is_done=tested("source"), todo="Choose where fees come from, and test it."),
        step("PeopleSoft codes", "mapping", is_done="mapping" in stored, todo="Check the service indicator and reason with the PeopleSoft team, and save."),
        step("Delivery", "delivery", is_done="delivery" in stored and (tested("delivery") or not needs_sftp), todo="Test that the server lets us in." if needs_sftp else "Say where the files go, and save."),
        step("Notification", "notification", is_done=True, todo=""),
        SetUpStep("Dry run", has_rehearsed, "Run once without sending anything, and look at the files.", url_for("campus.home"), "Open Home"),
        SetUpStep("Schedule", not schedule.missing, "Say when it runs by itself.", schedule.url, "Open Schedule"),
    )  # fmt: skip
