"""Every role's operations: what is not in a role's table does not exist on its socket."""

import functools

from edge.api import mirror, streams
from edge.api.protocol.exchange import PREFIX, Role
from edge.api.routes.badges import badge_rows
from edge.api.routes.courier import deliver, envelopes, note_link, parcels, request_certificate, telemetry
from edge.api.routes.desk import Desk, Handler, crash_row, status
from edge.api.routes.keys import key_table
from edge.api.routes.privacy import privacy_table
from edge.api.routes.screen import choose, screen_rows
from edge.api.routes.staff import StaffRoutes, session_rows


def tables(desk: Desk) -> dict[Role, list[tuple[str, str, Handler]]]:
    """Every role's operations: what is not in a role's list does not exist on its socket."""
    asked = functools.partial(status, desk)
    return {
        Role.STAFF: [
            *session_rows(desk),
            *StaffRoutes(desk).table(),
            *key_table(desk),
            *badge_rows(desk),
            *privacy_table(desk),
            crash_row(desk, "command"),
        ],
        Role.SCREEN: [
            ("GET", f"{PREFIX}/status", asked),
            ("GET", f"{PREFIX}/stage", functools.partial(streams.listen, desk, scenes=False)),
            ("GET", f"{PREFIX}/preview", functools.partial(mirror.watch, desk)),
            ("GET", f"{PREFIX}/room", functools.partial(mirror.room, desk)),
            ("POST", f"{PREFIX}/intents", functools.partial(choose, desk)),
            *screen_rows(desk),
            crash_row(desk, "screen"),
        ],
        Role.SYNC: [
            ("GET", f"{PREFIX}/status", asked),
            ("GET", f"{PREFIX}/envelopes", functools.partial(envelopes, desk)),
            ("GET", f"{PREFIX}/parcels", functools.partial(parcels, desk)),
            ("GET", f"{PREFIX}/telemetry", functools.partial(telemetry, desk)),
            ("POST", f"{PREFIX}/certificate-requests", functools.partial(request_certificate, desk)),
            ("POST", f"{PREFIX}/deliveries", functools.partial(deliver, desk)),
            ("POST", f"{PREFIX}/link", functools.partial(note_link, desk)),
        ],
    }
