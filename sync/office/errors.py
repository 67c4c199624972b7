"""The errors of the central office's side; the database's own are in `sync.office.database.errors`.

OfficeError                       120
+-- GapRefused                    121   missing events cannot be accepted as lost
+-- RoleMissing                   122   the account's role does not allow it
+-- AuditBroken                   123   the audit was altered
+-- PeriodRefused                 124   a pay period cannot be closed as asked
+-- PeriodDamaged                 125   what a pay period was closed with was altered
+-- CorrectionRefused             126   a correction that cannot be asked for, or not be decided
+-- EventsAltered                 127   what is stored is not what the devices signed
+-- AttendanceRemoved             128   retention took the events that this would need
+-- HoldRefused                   129   a policy or a legal hold that cannot be as typed
+-- OfficeCertificateInvalid      130   the TLS files of the receiver
+-- RosterRefused                 131   a change of people or roster that cannot be
+-- ImportRefused                 132   a file of people with mistakes; nothing of it was taken
+-- DeviceUnknown                 133   no such kiosk, or not one that can be told anything
+-- CommandNotDone                134   the kiosk refused, or failed at it
+-- CommandExpired                135   it came too late
+-- CommandUnanswered             136   no answer yet
+-- BundleIncomplete              137   a support bundle has not arrived, or does not hold
+-- DeviceRefused                 138   a request, certificate or name that cannot be taken
+-- OperatorKeyReadable           139   the receiver must not have the key that signs commands
+-- RotationRefused               140   a step of the office's keys that cannot be taken now
"""

from clockface.errors import ClockfaceError


class OfficeError(ClockfaceError):
    """The central office's side failed."""

    exit_code = 120


class GapRefused(OfficeError):
    """Missing events cannot be accepted as lost: their device may bring them, or nothing like it is missing."""

    exit_code = 121


class RoleMissing(OfficeError):
    """The account's role does not allow this."""

    exit_code = 122


class AuditBroken(OfficeError):
    """The audit's chain does not hold."""

    exit_code = 123


class PeriodRefused(OfficeError):
    """A pay period cannot be closed as asked."""

    exit_code = 124


class PeriodDamaged(OfficeError):
    """What a period was closed with is not what is stored."""

    exit_code = 125


class CorrectionRefused(OfficeError):
    """A correction cannot be asked for, or not be decided, as typed."""

    exit_code = 126


class EventsAltered(OfficeError):
    """What is stored is not what the devices signed."""

    exit_code = 127


class AttendanceRemoved(OfficeError):
    """The events that this needs were removed when their time was over."""

    exit_code = 128


class HoldRefused(OfficeError):
    """A retention policy or a legal hold cannot be as it was typed."""

    exit_code = 129


class OfficeCertificateInvalid(OfficeError):
    """The receiver's TLS key, certificate or authorities are missing, another's, or do not fit together."""

    exit_code = 130


class RosterRefused(OfficeError):
    """A change of people or roster that cannot be: unknown person or site, a number that is taken."""

    exit_code = 131


class ImportRefused(OfficeError):
    """A file of people has mistakes, each with its line; nothing of it was taken."""

    exit_code = 132


class DeviceUnknown(OfficeError):
    """No such kiosk, several of that name, or one that can be told nothing."""

    exit_code = 133


class CommandNotDone(OfficeError):
    """The kiosk refused a command, or failed at it."""

    exit_code = 134


class CommandExpired(OfficeError):
    """A command came too late, or its number had been used."""

    exit_code = 135


class CommandUnanswered(OfficeError):
    """No answer to a command came in the time that one waited; it stands until it expires."""

    exit_code = 136


class BundleIncomplete(OfficeError):
    """Parts of a support bundle are missing, or do not hold."""

    exit_code = 137


class DeviceRefused(OfficeError):
    """A device's request, certificate or name cannot be taken."""

    exit_code = 138


class OperatorKeyReadable(OfficeError):
    """The receiver can read the operator's key: whoever took it over could order every kiosk about."""

    exit_code = 139


class RotationRefused(OfficeError):
    """A step in the rotation of the office's own keys cannot be taken now."""

    exit_code = 140
