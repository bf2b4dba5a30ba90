"""Import records merged into a store: what stands after all of them came in, in their order.

A record's key is (source, account, id). Of two records of one kind and key the one with the later
`updated_at` stands; of equal ones, the later arrival; one without `updated_at` is older than any with.
What is said of an interaction adds up instead, field by field, in the order of arrival.
All instants become whole UTC milliseconds here.
"""

from datetime import datetime, timedelta, timezone
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

INSTANTS = (
    "updated_at", "interaction_end", "queue_entry", "queue_exit", "start", "end", "ring_start", "at",
    "login", "logout",
)
SPAN_LISTS = ("holds", "mutes", "snoozes", "focuses")
INTERACTION_FIELDS = (
    "direction", "channel", "channel_type", "customer", "customer_name", "customer_email",
    "customer_phone", "support", "support_number", "support_email", "bot_name", "status", "reason",
    "disconnecting_event", "interaction_end", "uii", "ani", "dnis", "integration_source", "opened_by",
    "email_subject", "session_tags", "user_tags",
)
REPLACED_WHOLE = ("agent", "segment", "message", "agent_session", "agent_state", "offer", "manual_dial")


@lru_cache(maxsize=100_000)
def instant(value):
    """Whole UTC milliseconds of an RFC 3339 string (or of a number, which is that already)."""
    if isinstance(value, int):
        return value
    moment = datetime.fromisoformat(value)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def normalised(record):
    """A copy of the record without its nulls, with instants as milliseconds, and with its key."""
    plain = {name: value for name, value in record.items() if value is not None}
    for name in INSTANTS:
        if name in plain:
            plain[name] = instant(plain[name])
    for name in SPAN_LISTS:
        if name in plain:
            plain[name] = [
                {edge: instant(value) for edge, value in span.items() if value is not None}
                for span in plain[name]
            ]
    plain["source"] = plain.get("source", "default")
    plain["account"] = plain.get("account", "default")
    plain["scope"] = (plain["source"], plain["account"])
    return plain


def participant(segment):
    """Whose portion a segment is; where it is not said, an agent's if an agent is named."""
    if "participant" in segment:
        return segment["participant"]
    return "agent" if segment.get("agent_id") else "queue"


def is_newer(record, standing):
    """Whether the record that has just arrived takes the place of the one that stands."""
    new, old = record.get("updated_at"), standing.get("updated_at")
    if old is None:
        return True
    return new is not None and new >= old


class Store:
    """One dictionary from (scope, id) to the record that stands, for each kind."""

    def __init__(self, records):
        self.kinds = {kind: {} for kind in REPLACED_WHOLE}
        self.interactions = {}
        for record in records:
            self.add(normalised(record))

    def add(self, record):
        kind = record["kind"]
        if kind == "interaction":
            self.add_to_interaction(record, record["id"])
        elif kind in REPLACED_WHOLE:
            if kind == "segment":
                # A segment line may carry fields of its interaction, with the same meaning.
                if any(name in record for name in INTERACTION_FIELDS):
                    self.add_to_interaction(record, record["interaction_id"])
                record["participant"] = participant(record)
            key = (record["scope"], record["id"])
            standing = self.kinds[kind].get(key)
            if standing is None or is_newer(record, standing):
                self.kinds[kind][key] = record

    def add_to_interaction(self, record, interaction_id):
        interaction = self.interaction(record["scope"], interaction_id)
        for name in INTERACTION_FIELDS:
            if name in record:
                interaction[name] = record[name]

    def interaction(self, scope, interaction_id):
        """The interaction; one of which nothing was ever said is there with its id alone."""
        return self.interactions.setdefault((scope, interaction_id), {"id": interaction_id, "scope": scope})

    def agent(self, record):
        """The agent whom a segment or a login session names, or an empty record."""
        return self.kinds["agent"].get((record["scope"], record.get("agent_id")), {})

    def all(self, kind):
        return list(self.kinds[kind].values())
