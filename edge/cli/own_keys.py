"""The device's own keys, for commands that work on its files while the daemon may be down."""

from edge.cli.context import Invocation
from edge.store.keys import Keyring, load_keyring


def keyring_of(here: Invocation) -> Keyring:
    """The device's keys; raises as `load_keyring`."""
    return load_keyring(
        state=here.config.paths.state,
        environment=here.environment,
        allow_environment=here.config.keys.allow_environment,
    )
