"""How long what is stored stays, and where backups go."""

from pathlib import Path

from pydantic import Field, model_validator

from clockface.config import Section


class RetentionConfig(Section):
    """How long what is not needed any more stays: docs/privacy.md. Applied by clockface-retention.timer."""

    templates_unused_months: int = Field(
        default=12,
        ge=0,
        le=120,
        description="A template that recognised nobody here for this long is erased, months; 0: never. Its "
        "person stays, with badge or PIN, and may be enrolled again.",
    )
    events_days: int = Field(
        default=90,
        ge=0,
        le=3650,
        description="Events are removed from the device after this time, and only if the office has "
        "confirmed them, days; 0: never.",
    )
    audit_days: int = Field(
        default=1095, ge=0, le=3650, description="Entries of the audit trail, days; 0: for ever."
    )
    reports_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="Crash reports and support bundles that the office never fetched, days.",
    )
    alarms_days: int = Field(
        default=90, ge=1, le=3650, description="Alarms that somebody has cleared, days since they were raised."
    )
    backups_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Backups in `backup.folder` that this device made, days; the newest always stays.",
    )

    @model_validator(mode="after")
    def _long_enough(self) -> "RetentionConfig":
        if 0 < self.events_days < 31 or 0 < self.audit_days < 31:
            raise ValueError("events_days and audit_days must be 0 or at least 31: rules and checks look back")
        return self


class BackupConfig(Section):
    """Backups that a timer makes."""

    folder: Path | None = Field(
        default=None,
        description="Where clockface backup create writes without --to, and what backups_days applies to; "
        "on another disk. Unset: the timer makes none.",
    )
