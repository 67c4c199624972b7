"""What can go wrong when the broker's configuration is written.

BrokerSettingRefused               160
"""

from sync.office.errors import OfficeError


class BrokerSettingRefused(OfficeError):
    """A setting that the broker's configuration cannot hold, or a folder that cannot be written."""

    exit_code = 160
