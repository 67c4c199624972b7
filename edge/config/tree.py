"""The whole configuration, as one frozen, typed tree: a section a table of the TOML file."""

from clockface.config import LoggingConfig, Section
from edge.config.attendance import AttendanceConfig, BadgeConfig, EnrolmentConfig
from edge.config.camera import CameraConfig, IdleConfig, PreviewConfig
from edge.config.device import (
    ApiConfig,
    DeviceConfig,
    KeysConfig,
    PathsConfig,
    StaffConfig,
    TrustConfig,
    UpdateConfig,
)
from edge.config.keeping import BackupConfig, RetentionConfig
from edge.config.recognition import DecisionConfig, InferenceConfig, LivenessConfig, QualityConfig
from edge.config.signals import SignalsConfig


class Config(Section):
    """The tree. Each section is a table of the TOML file."""

    device: DeviceConfig = DeviceConfig()
    paths: PathsConfig = PathsConfig()
    keys: KeysConfig = KeysConfig()
    camera: CameraConfig = CameraConfig()
    idle: IdleConfig = IdleConfig()
    preview: PreviewConfig = PreviewConfig()
    inference: InferenceConfig = InferenceConfig()
    quality: QualityConfig = QualityConfig()
    liveness: LivenessConfig = LivenessConfig()
    decision: DecisionConfig = DecisionConfig()
    attendance: AttendanceConfig = AttendanceConfig()
    badge: BadgeConfig = BadgeConfig()
    enrolment: EnrolmentConfig = EnrolmentConfig()
    retention: RetentionConfig = RetentionConfig()
    backup: BackupConfig = BackupConfig()
    trust: TrustConfig = TrustConfig()
    update: UpdateConfig = UpdateConfig()
    signals: SignalsConfig = SignalsConfig()
    logging: LoggingConfig = LoggingConfig()
    api: ApiConfig = ApiConfig()
    staff: StaffConfig = StaffConfig()
