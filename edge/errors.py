"""Every error that edge raises on purpose, each with a stable exit code; for all processes: `clockface.errors`.

Expected outcomes (no face, too dark, unknown, not live) are enum members in `edge.types`; what stands here
should not happen. A message says what failed, where, and the next command to type. It never carries a name,
an employee number, a template or a key: messages reach logs and screens.

    ClockfaceError                     1   this, ConfigError and SecretError stand in `clockface.errors`
    +-- ConfigError                   10   the configuration is missing or wrong
    +-- ModelError                    20   a model cannot be trusted or run
    |   +-- ModelMissing              21
    |   +-- ModelAltered              22   its SHA-256 is not the manifest's
    |   +-- ModelContractBroken       23   its tensors are not what the manifest says
    |   +-- RuntimeUnavailable        24   no LiteRT, no XNNPACK, or a delegate is missing
    |   +-- OperatingPointMissing     25   no measured threshold for this model and FPIR
    +-- CameraError                   30
    |   +-- CameraUnavailable         31   cannot be opened
    |   +-- CameraLost                32   vanished, froze or returned garbage
    +-- SignalError                   34   light, buzzer, door or sound
    |   +-- BoardUnknown              35   a board whose pins nobody knows
    |   +-- GpioUnavailable           36   no library, no permission, no device
    |   +-- PinRefused                37   a pin that cannot be had or moved
    |   +-- SoundUnavailable          38   no player, no card, no prompts
    +-- StoreError                    40
    |   +-- LedgerMissing             41
    |   +-- LedgerCorrupt             42   integrity, hash chain or signature does not hold
    |   +-- LedgerNewer               43   written by a newer Clockface
    |   +-- LedgerReadOnly            44
    |   +-- LedgerLocked              45   another process holds it
    |   +-- LedgerDiskFull            46
    |   +-- LedgerFork                47   the office knows another hash for our event
    |   +-- BackupRefused             48   a backup does not open, or is not what it says
    |   +-- LedgerRetired             49   its last event said that the device goes out of use
    +-- SecretError                   50
    |   +-- SecretMissing             51
    |   +-- SecretInvalid             52   length, encoding, equal keys, a published example
    |   +-- SecretWrong               53   well-formed, but does not open what is stored
    |   +-- SecretUnwritable          54   it, or the folder that it belongs into, cannot be written
    +-- ApiError                      60
    |   +-- EdgeUnreachable           61   the daemon does not answer on its socket
    |   +-- NotPermitted              62   the peer's role does not allow this
    |   +-- ProtocolMismatch          63   client and daemon speak other versions
    |   +-- SessionNeeded             64   type the device's name first: clockface login
    |   +-- SessionRefused            65   another name was typed, or too many
    +-- EnrolmentError                70
    |   +-- ConsentMissing            71
    |   +-- PhotoRefused              72   no usable face; the reason is named
    |   +-- LookAlike                 73   the face is enrolled under another person
    |   +-- PersonUnknown             74
    |   +-- NumberTaken               75   the employee number belongs to another person
    |   +-- BadgeUnknown              76
    |   +-- PinTooEasy                77   a PIN is too short or too easy to guess
    +-- EvaluationError               80   a sample that cannot carry the claim, unreadable input
    +-- AttendanceError               90   a rule's input is out of range
    +-- UpdateError                   85   a new version cannot be installed
    |   +-- ReleaseRefused            86   not signed with a key that is believed, or another package
    |   +-- UpdateUndone              87   it was not well, and the one before was put back
    |   +-- UpdateStuck               88   it is not well, and putting back would give up records
    +-- ProvisioningError             95   the office's bundle, or what answers it here, is not what it must be
    |   +-- BundleRefused             96   its signature, device, request, time, certificate or keys do not hold
    |   +-- TestUnconfirmed           97   the office did not confirm a test event in time
    +-- ScreenError                   98   the screen's page cannot be served
    +-- JournalUnavailable            99   there is no journal, or it refuses
"""

from clockface.errors import ClockfaceError


class ModelError(ClockfaceError):
    """A model cannot be trusted or run."""

    exit_code = 20


class ModelMissing(ModelError):
    """A model file or its manifest entry is not there."""

    exit_code = 21


class ModelAltered(ModelError):
    """A model's SHA-256 is not the one in the manifest."""

    exit_code = 22


class ModelContractBroken(ModelError):
    """A model's input or output tensors are not what the manifest says."""

    exit_code = 23


class RuntimeUnavailable(ModelError):
    """No working TFLite runtime, no XNNPACK, or a configured delegate is missing."""

    exit_code = 24


class OperatingPointMissing(ModelError):
    """No measured threshold exists for this model and the configured FPIR."""

    exit_code = 25


class CameraError(ClockfaceError):
    """A camera failed."""

    exit_code = 30


class CameraUnavailable(CameraError):
    """A camera cannot be opened."""

    exit_code = 31


class CameraLost(CameraError):
    """An open camera vanished, froze or returned garbage."""

    exit_code = 32


class SignalError(ClockfaceError):
    """Light, buzzer, door or sound does not work; attendance goes on."""

    exit_code = 34


class BoardUnknown(SignalError):
    """The pins of this board are not known."""

    exit_code = 35


class GpioUnavailable(SignalError):
    """The library, the permission or the device of the pins is missing."""

    exit_code = 36


class PinRefused(SignalError):
    """A pin cannot be had or moved."""

    exit_code = 37


class SoundUnavailable(SignalError):
    """The player, the sound card or the prompts are missing."""

    exit_code = 38


class StoreError(ClockfaceError):
    """The ledger cannot be used as asked."""

    exit_code = 40


class LedgerMissing(StoreError):
    """There is no ledger where the configuration says."""

    exit_code = 41


class LedgerCorrupt(StoreError):
    """The file, a hash chain, a signature or an encrypted row does not hold."""

    exit_code = 42


class LedgerNewer(StoreError):
    """The ledger was written by a newer version of Clockface."""

    exit_code = 43


class LedgerReadOnly(StoreError):
    """The ledger or its folder cannot be written."""

    exit_code = 44


class LedgerLocked(StoreError):
    """Another process holds the ledger."""

    exit_code = 45


class LedgerDiskFull(StoreError):
    """The disk is full; what was not committed was not confirmed."""

    exit_code = 46


class LedgerFork(StoreError):
    """The office knows another hash for one of our events."""

    exit_code = 47


class BackupRefused(StoreError):
    """A backup does not open, was altered, or is not what it describes."""

    exit_code = 48


class LedgerRetired(StoreError):
    """The device said with its last event that it goes out of use; nothing follows that."""

    exit_code = 49


class ApiError(ClockfaceError):
    """The local protocol failed."""

    exit_code = 60


class EdgeUnreachable(ApiError):
    """The daemon does not answer on its socket."""

    exit_code = 61


class NotPermitted(ApiError):
    """The peer's role does not allow this request."""

    exit_code = 62


class ProtocolMismatch(ApiError):
    """Client and daemon speak different versions of the local protocol."""

    exit_code = 63


class SessionNeeded(ApiError):
    """What cannot be undone asks for a session, confirmed by typing the device's name."""

    exit_code = 64


class SessionRefused(ApiError):
    """A session was asked for with another device's name, or too often."""

    exit_code = 65


class EnrolmentError(ClockfaceError):
    """A person or template cannot be enrolled."""

    exit_code = 70
    loggable = False  # it names a file of staff, which is often called after a person


class ConsentMissing(EnrolmentError):
    """No recorded consent stands for this person."""

    exit_code = 71


class PhotoRefused(EnrolmentError):
    """A photograph holds no face good enough to enrol; the reason is named."""

    exit_code = 72


class LookAlike(EnrolmentError):
    """The face is already enrolled under another person."""

    exit_code = 73


class PersonUnknown(EnrolmentError):
    """No such person."""

    exit_code = 74


class NumberTaken(EnrolmentError):
    """The employee number belongs to another person."""

    exit_code = 75


class BadgeUnknown(EnrolmentError):
    """No such badge was given out here."""

    exit_code = 76


class PinTooEasy(EnrolmentError):
    """A PIN is too short or too easy to guess."""

    exit_code = 77


class EvaluationError(ClockfaceError):
    """An evaluation's input is unreadable or its sample cannot carry the claim."""

    exit_code = 80
    loggable = False  # it names a file of staff, which is often called after a person


class AttendanceError(ClockfaceError):
    """An attendance rule was given something out of range."""

    exit_code = 90


class ProvisioningError(ClockfaceError):
    """A device cannot ask an office to know it, or cannot take its answer."""

    exit_code = 95


class BundleRefused(ProvisioningError):
    """The office's bundle does not hold."""

    exit_code = 96


class TestUnconfirmed(ProvisioningError):
    """The office did not confirm a test event in time."""

    __test__ = False  # not pytest's
    exit_code = 97


class ScreenError(ClockfaceError):
    """The screen's page cannot be served: its port, its folder or its secret."""

    exit_code = 98


class UpdateError(ClockfaceError):
    """A new version cannot be installed."""

    exit_code = 85


class ReleaseRefused(UpdateError):
    """A release is not signed with a key that is believed, or its package is another one."""

    exit_code = 86


class UpdateUndone(UpdateError):
    """A new version was not well, and the one before was put back."""

    exit_code = 87


class UpdateStuck(UpdateError):
    """A new version is not well, and the one before cannot be put back without giving up records."""

    exit_code = 88


class JournalUnavailable(ClockfaceError):
    """There is no journal on this machine, or it refuses what was asked."""

    exit_code = 99
