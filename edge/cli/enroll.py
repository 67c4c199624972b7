"""`clockface enroll`: from photographs, from the camera with guidance, or a whole staff from a list.

The daemon judges everything; this command carries pictures and words. Nobody is enrolled without a consent.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import Progress

from clockface.cli.private_file import private_file
from edge.api.client import EdgeClient
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment
from edge.api.protocol.people import ConsentGiven, PersonProfile
from edge.cli.asking import as_line, asking, console, find, moment, printable, told
from edge.cli.context import invocation
from edge.cli.people import person_object
from edge.cli.staff_csv import read_staff
from edge.cli.staff_import import RowOutcome, RowReport, StaffImport, read_photo
from edge.cli.watch import guidance
from edge.cli.words import COACHING
from edge.errors import EnrolmentError, PhotoRefused


class FaceChoice(StrEnum):
    """Which face of a photograph."""

    ONLY = "only"
    LARGEST = "largest"


def register(root: typer.Typer) -> None:
    """Put the command under the root."""
    root.command()(enroll)


def enroll(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="A new person's name, as in the staff list.")] = None,
    number: Annotated[str | None, typer.Option(help="A new person's employee number.")] = None,
    greeting: Annotated[str, typer.Option(help="How to greet the person; empty: not by name.")] = "",
    language: Annotated[str, typer.Option(help="BCP 47 tag, such as es; empty: the device's.")] = "",
    person: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Add to a known person: employee number or id.")
    ] = None,
    photo: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="JPEG, PNG or WebP; may be given again.")
    ] = None,
    camera: Annotated[
        bool, typer.Option("--camera", help="Take the pictures with the kiosk's camera.")
    ] = False,
    frames: Annotated[int, typer.Option(min=1, max=20, help="--camera: pictures to take.")] = 3,
    time_limit_s: Annotated[
        float, typer.Option("--time-limit", min=5, max=300, help="--camera: seconds.")
    ] = 60.0,
    staff: Annotated[
        Path | None, typer.Option("--csv", metavar="STAFF.csv", help="A whole staff; see docs/enrolment.md.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="--csv: folder of the photographs.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="--csv: write what became of each row, as JSON.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="--csv: check the list, send no picture.")] = False,
    consent_how: Annotated[str | None, typer.Option(help="paper, screen or imported.")] = None,
    consent_text_version: Annotated[str | None, typer.Option(help="Which text was agreed to.")] = None,
    consent_language: Annotated[str | None, typer.Option(help="Language of that text, BCP 47 tag.")] = None,
    consent_proof: Annotated[
        str | None, typer.Option(help="imported: where the evidence lies, such as a document's number.")
    ] = None,
    consent_date: Annotated[
        str | None, typer.Option(metavar="DATE", help="2026-03-02 or a time; now if not given.")
    ] = None,
    face: Annotated[
        FaceChoice, typer.Option(help="only: several faces are refused. largest: take the nearest.")
    ] = FaceChoice.ONLY,
    accept_look_alike: Annotated[
        bool, typer.Option("--accept-look-alike", help="For twins; recorded in the audit trail.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Erase the person's older templates.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; --csv and --camera: one object a line.")
    ] = False,
) -> None:
    """Enrol a person from photographs or the camera, or a whole staff from a list."""
    config = invocation(context).config
    consent = _consent(
        how=consent_how,
        text_version=consent_text_version,
        language=consent_language,
        given_at=moment(consent_date, config),
        proof=consent_proof,
    )
    if sum((bool(photo), camera, staff is not None)) != 1:
        raise typer.BadParameter("give one of --photo FILE, --camera, or --csv STAFF.csv --photos DIR")
    with asking(context) as client:
        if staff is not None:
            _one_by_one(name=name, number=number, person=person, photos=photos)
            importer = StaffImport(client, photos or Path(), face=face.value, dry_run=dry_run)
            _import(importer, staff, consent, zone=config.device.timezone, report=report, as_json=as_json)
            return
        subject = _subject(
            client, name=name, number=number, greeting=greeting, language=language, person=person
        )
        subject |= {"consent": consent, "accept_look_alike": accept_look_alike, "replace": replace}
        if camera:
            asked = told(CameraEnrolment, **subject, frames=frames, time_limit_s=time_limit_s)
            _from_camera(client, asked, as_json=as_json)
        else:
            _from_photos(client, told(PhotoEnrolment, **subject, face=face.value), photo or [], as_json=as_json)


def _one_by_one(*, name: str | None, number: str | None, person: str | None, photos: Path | None) -> None:
    if name is not None or number is not None or person is not None:
        raise typer.BadParameter("--csv takes people from the list, not --name, --number or --person")
    if photos is None or not photos.is_dir():
        raise typer.BadParameter("--csv needs --photos with a folder that is there")


def _consent(
    *,
    how: str | None,
    text_version: str | None,
    language: str | None,
    given_at: datetime | None,
    proof: str | None,
) -> ConsentGiven | None:
    given = (how, text_version, language)
    if given == (None, None, None) and given_at is None and proof is None:
        return None
    if None in given:
        raise typer.BadParameter(
            "a consent needs all of --consent-how, --consent-text-version and --consent-language"
        )
    return told(
        ConsentGiven, how=how, text_version=text_version, language=language, given_at=given_at, proof=proof
    )


def _subject(
    client: EdgeClient,
    *,
    name: str | None,
    number: str | None,
    greeting: str,
    language: str,
    person: str | None,
) -> dict[str, Any]:
    if person is not None:
        if name is not None or number is not None:
            raise typer.BadParameter("give --person for a known person, or --name and --number for a new one")
        return {"person_id": find(client, person).person_id}
    if name is None or number is None:
        raise typer.BadParameter("a new person needs --name and --number; a known one --person")
    profile = told(PersonProfile, name=name, number=number, greeting=greeting, language=language)
    return {"profile": profile}


def _from_photos(client: EdgeClient, asked: PhotoEnrolment, photos: list[Path], *, as_json: bool) -> None:
    """Each picture is judged alone; the first one that is taken makes the person."""
    done: Enrolled | None = None
    refused: list[EnrolmentError] = []
    warnings: list[str] = []
    added = 0
    for photo in photos:
        try:
            last = client.enrol_photo(asked, read_photo(photo))
        except PhotoRefused as error:
            refused.append(error)
            warnings.append(f"{photo.name}: {error}")
            continue
        done, added = last, added + last.templates_added
        warnings += _warnings(last, photo.name)
        asked = PhotoEnrolment(
            person_id=last.person.person_id, face=asked.face, accept_look_alike=asked.accept_look_alike
        )
    if done is None:
        raise refused[0]
    _tell(done, added=added, warnings=warnings, as_json=as_json)
    if refused:
        raise PhotoRefused(
            f"{len(refused)} of {len(photos)} pictures were refused, {added} stored",
            next_step="the person can be recognised; add better pictures with --person",
        )


def _from_camera(client: EdgeClient, asked: CameraEnrolment, *, as_json: bool) -> None:
    if as_json:
        for line in client.enrol_camera(asked):
            typer.echo(as_line(line))
        return
    done: Enrolled | None = None
    with guidance() as guide:
        shown = None
        for line in client.enrol_camera(asked):
            if isinstance(line, EnrolmentProgress):
                text = _guidance(line)
                guide(text)
                if text != shown and not console().is_terminal:
                    typer.echo(text)
                shown = text
            else:
                done = line
    if done is not None:
        warnings = _warnings(done, "the camera")
        if done.templates_added < asked.frames:
            warnings.append(f"only {done.templates_added} of {asked.frames} pictures were good in time")
        _tell(done, added=done.templates_added, warnings=warnings, as_json=False)


def _guidance(line: EnrolmentProgress) -> str:
    request = "good" if line.coaching is None else COACHING[line.coaching]
    return f"{line.taken} of {line.wanted} taken: {request}"


def _warnings(done: Enrolled, source: str) -> list[str]:
    found = []
    if done.look_alike is not None:
        found.append(f"{source}: looks like person {done.look_alike}; accepted, and in the audit trail")
    if done.unlike_own:
        found.append(f"{source}: stored, but it looks unlike the person's other pictures")
    return found


def _tell(done: Enrolled, *, added: int, warnings: list[str], as_json: bool) -> None:
    if as_json:
        shown = {
            "person": person_object(done.person),
            "created": done.created,
            "templates_added": added,
            "templates_dropped": done.templates_dropped,
            "look_alike": done.look_alike,
            "warnings": warnings,
        }
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for warning in warnings:
        typer.echo(f"warning: {printable(warning)}", err=True)
    who = printable(f"{done.person.profile.name} ({done.person.profile.number})")
    typer.echo(
        f"Enrolled {who} with {added} template{'' if added == 1 else 's'}, person {done.person.person_id}"
    )


def _import(
    importer: StaffImport,
    staff: Path,
    consent: ConsentGiven | None,
    *,
    zone: str,
    report: Path | None,
    as_json: bool,
) -> None:
    rows = read_staff(staff, consent=consent, zone=ZoneInfo(zone))
    reports: list[RowReport] = []
    try:
        with _progress(len(rows), as_json=as_json) as heard:
            for done in importer.run(rows):
                reports.append(done)
                heard(done)
    finally:  # whatever stopped it: what was done is in the report
        counts = {outcome.value: sum(each.outcome is outcome for each in reports) for outcome in RowOutcome}
        if report is not None:
            _write_report(report, counts, reports)
    if as_json:
        typer.echo(as_line({"counts": counts}))
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no rows")
    faulty = counts[RowOutcome.REFUSED] + counts[RowOutcome.PARTLY]
    if faulty:
        raise EnrolmentError(
            f"{faulty} of {len(reports)} rows were refused or only partly enrolled",
            where=None if report is None else str(report),
            next_step="mend these rows or pictures and run the same command again",
        )


def _write_report(path: Path, counts: dict[str, int], reports: list[RowReport]) -> None:
    with private_file(path, replace=True) as file:
        rows = [each.as_object() for each in reports]
        json.dump({"counts": counts, "rows": rows}, file, ensure_ascii=False, indent=2)
        file.write("\n")


@contextmanager
def _progress(total: int, *, as_json: bool) -> Iterator[Any]:
    """A bar on a terminal; in a pipe only what went wrong; with --json every row."""
    out = console()
    with Progress(console=out, disable=as_json or not out.is_terminal, transient=True) as bar:
        task = bar.add_task("enrolling", total=total)

        def heard(row: RowReport) -> None:
            bar.advance(task)
            if as_json:
                typer.echo(as_line(row.as_object()))
                return
            for problem in row.problems:
                bar.console.print(printable(f"line {row.line} ({row.number or '?'}): {problem}"))

        yield heard
