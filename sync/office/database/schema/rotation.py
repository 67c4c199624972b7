"""How far the rotation of the office's own keys is. Nothing here until somebody begins one or a process starts.

Trust boundary: administrators write it, through `sync.office.rotation`; the public halves are in `office_keys`.
"""

from sqlalchemy import Index, UniqueConstraint

from sync.office.database.columns import moment, number, one_of, raw, table, text

key_states = table(
    "key_states",
    "What a key of the office is: kiosks believe the next, the present and the previous one.",
    number(),
    one_of("purpose", "online", "operator"),
    text("key_id"),
    one_of("state", "next", "present", "previous", "retired"),
    moment("changed_us"),
    text("changed_by"),
    UniqueConstraint("purpose", "key_id"),
)
Index(
    "uq_key_states_one",
    key_states.c.purpose,
    key_states.c.state,
    unique=True,
    sqlite_where=key_states.c.state != "retired",
    postgresql_where=key_states.c.state != "retired",
)

key_sets = table(
    "key_sets",
    "Which keys kiosks are to believe, as the operator's key signed it: no other is ever told to them.",
    text("purpose", key=True),
    raw("envelope"),
    moment("signed_us"),
)
