"""Every error that the courier raises on purpose, each with a stable exit code from 100 to 119.

ClockfaceError                     1   and ConfigError: `clockface.errors`
+-- SyncError                    100   the courier cannot do its work
    +-- EdgeRefused              101   edge answers, and does not serve us
    +-- EdgeSilent               102   edge does not answer on its sync socket
    +-- BrokerUnreachable        103   no configured address answers
    +-- BrokerRefused            104   it answers, and will not have us: identity, ACL, protocol
    +-- BrokerNotVerified        105   it could not show that it is the one that we mean
    +-- CertificateMissing       106   our key, our certificate or the authorities' are not there
    +-- EdgeFailed               108   edge answers a question with an error of its own
    +-- CertificateInvalid       107   unreadable, expired, another's, or not for this key
"""

from clockface.errors import ClockfaceError


class SyncError(ClockfaceError):
    """The courier cannot do its work."""

    exit_code = 100


class EdgeRefused(SyncError):
    """Edge answers, and does not serve us: another version, another device, no permission."""

    exit_code = 101


class EdgeSilent(SyncError):
    """Edge does not answer on its sync socket."""

    exit_code = 102


class BrokerUnreachable(SyncError):
    """None of the configured addresses answers."""

    exit_code = 103


class BrokerRefused(SyncError):
    """The broker answers and will not have us: our identity, its access list, the protocol."""

    exit_code = 104


class BrokerNotVerified(SyncError):
    """The broker could not show that it is the one that we mean: authority, name or time of its certificate."""

    exit_code = 105


class CertificateMissing(SyncError):
    """Our key, our certificate or the authorities' certificates are not where they must be."""

    exit_code = 106


class CertificateInvalid(SyncError):
    """A certificate or key is unreadable, has expired, is another's, or does not fit its other half."""

    exit_code = 107


class EdgeFailed(SyncError):
    """Edge answers a question with an error of its own.

    Args:
        what: Edge's words.
        where: As edge says.
        next_step: As edge says.
        lasting: Whether the same question would fail again.
    """

    exit_code = 108

    def __init__(
        self, what: str, *, where: str | None = None, next_step: str | None = None, lasting: bool = False
    ) -> None:
        self.lasting = lasting
        super().__init__(what, where=where, next_step=next_step)
