"""What staff may ask about ways in without a face. Trust boundary: as `edge.api.routes.desk`."""

from edge.api.protocol.badges import BadgeAsked, BadgeQuery, CardSet, PinSet, WaySet
from edge.api.protocol.exchange import PREFIX
from edge.api.routes.desk import PEER, Desk, Handler, answering, query_of, taking


def badge_rows(desk: Desk) -> list[tuple[str, str, Handler]]:
    """What staff may ask about ways in without a face."""
    does = desk.service.without_face
    person, badge = (
        f"{PREFIX}/people/{{person_id:[0-9a-f]{{32}}}}",
        f"{PREFIX}/badges/{{badge_id:[0-9a-f]{{24}}}}",
    )
    return [
        ("POST", f"{PREFIX}/badges", taking(desk, BadgeAsked, lambda b, r: does.issue_badge(b, r[PEER]))),
        ("GET", f"{PREFIX}/badges", answering(desk, lambda r: does.badges(query_of(BadgeQuery, r)))),
        ("GET", badge, answering(desk, lambda r: does.badge_text(r.match_info["badge_id"], r[PEER]))),
        ("DELETE", badge, answering(desk, lambda r: does.revoke_badge(r.match_info["badge_id"], r[PEER]))),
        ("GET", f"{person}/ways", answering(desk, lambda r: does.ways_of(r.match_info["person_id"]))),
        (
            "PUT",
            f"{person}/pin",
            taking(desk, PinSet, lambda b, r: does.set_pin(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "PUT",
            f"{person}/way",
            taking(desk, WaySet, lambda b, r: does.set_way(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "PUT",
            f"{person}/card",
            taking(desk, CardSet, lambda b, r: does.set_card(r.match_info["person_id"], b, r[PEER])),
        ),
        (
            "POST",
            f"{person}/code",
            answering(desk, lambda r: does.new_code(r.match_info["person_id"], r[PEER])),
        ),
    ]
