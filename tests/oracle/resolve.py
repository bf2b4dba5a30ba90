"""What a segment's row needs from its interaction and its neighbours.

Neighbours, last segment, end of the interaction; messages of each segment; reasons why a segment
started and closed; outcome, responses and handle time; hold, mute, snooze and talk times.
"""

FINE_REASONS = (
    "closed_by_consumer", "closed_by_agent", "closed_by_system", "agent_transfer", "skill_transfer",
    "back_to_queue", "takeover", "other",
)
CLOSED_BY = {
    "User Hangup": "closed_by_consumer",
    "Agent Hangup": "closed_by_agent",
    "Agent Closed": "closed_by_agent",
    "System Hangup": "closed_by_system",
    "Bot Hangup": "closed_by_system",
}
FOREVER = 10**18


# --- spans ---------------------------------------------------------------------------------------

def clipped(spans, low, high):
    """(start, end) pairs within [low, high), without those of which nothing is left."""
    cut = [(max(start, low), min(end, high)) for start, end in spans]
    return [(start, end) for start, end in cut if start < end]


def union(spans):
    """The spans as ascending ones that do not meet."""
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def length(spans):
    return sum(end - start for start, end in union(spans))


def common_length(left, right):
    """How long both unions hold."""
    total = 0
    for start, end in union(left):
        total += sum(b - a for a, b in clipped(union(right), start, end))
    return total


def pairs(spans, open_end):
    """Span records as pairs; one that has not ended goes on to `open_end`."""
    return [(span["start"], span.get("end", open_end)) for span in spans]


# --- durations of one segment alone --------------------------------------------------------------

def stretch(segment, lists, sums, until):
    """Union of the listed spans within the segment; where no list is there, the said sums."""
    spans = [span for name in lists for span in segment.get(name, [])]
    if spans:
        high = segment.get("end", until)
        closed = [pair for pair in pairs(spans, high) if pair[1] != FOREVER]
        return length(clipped(closed, segment["start"], high))
    return sum(segment.get(name, 0) for name in sums)


def hold_mute(segment, until=FOREVER):
    return stretch(segment, ("holds", "mutes"), ("hold_ms", "mute_ms"), until)


def hold(segment, until=FOREVER):
    return stretch(segment, ("holds",), ("hold_ms",), until)


def snooze(segment, until=FOREVER):
    return stretch(segment, ("snoozes",), ("snooze_ms",), until)


def elapsed(start, end):
    """end - start, at least 0; None unless both are known."""
    if start is None or end is None:
        return None
    return max(0, end - start)


def ring(segment):
    """How long it rang; None where it cannot be known."""
    if "ring_ms" in segment:
        return segment["ring_ms"]
    return elapsed(segment.get("ring_start"), segment.get("start"))


def row_start(segment):
    return segment["queue_entry"] if "queue_entry" in segment else segment["start"]


def row_order(segment):
    return (row_start(segment), segment["id"].encode())


def start_order(segment):
    return (segment["start"], segment["id"].encode())


def user_type(segment):
    if "user_type" in segment:
        return segment["user_type"]
    return {"bot": "bot", "agent": "human"}.get(segment["participant"], "")


# --- names of an agent ---------------------------------------------------------------------------

def full_name(agent):
    """The name, else first and last name joined with a blank."""
    if agent.get("name"):
        return agent["name"]
    return " ".join(agent[part] for part in ("first_name", "last_name") if agent.get(part))


def shown_name(agent, agent_id):
    return full_name(agent) or agent.get("email") or agent_id or ""


def first_and_last_name(agent):
    """As said; where neither is said, the name split at its last blank."""
    first, last = agent.get("first_name", ""), agent.get("last_name", "")
    if first or last:
        return first, last
    name = agent.get("name", "")
    if " " in name:
        first, _, last = name.rpartition(" ")
        return first, last
    return name, ""


# --- rows ----------------------------------------------------------------------------------------

class Row:
    """A segment that is not an external one, with its place in its interaction."""

    def __init__(self, store, interaction, segment):
        self.store = store
        self.interaction = interaction
        self.segment = segment
        self.agent = store.agent(segment)
        self.agent_id = segment.get("agent_id", "")
        self.participant = segment["participant"]
        self.before = None  # the row before this one in the interaction
        self.after = None
        self.ended_at = None  # when the interaction ended; None: it has not
        self.is_last = False
        self.start_reason = None  # agent's and bot's rows only
        self.messages = []  # ("A" or "C", at) in message order

    @property
    def start(self):
        return row_start(self.segment)

    def order(self):
        return row_order(self.segment)

    def channel_type(self):
        return self.interaction.get("channel_type")

    def is_person_or_bot(self):
        return self.participant in ("agent", "bot")

    def sent(self):
        """Instants of the messages sent by the segment's agent or bot."""
        return [at for side, at in self.messages if side == "A"]

    def first_response(self):
        if "first_response_ms" in self.segment:
            return self.segment["first_response_ms"]
        sent = self.sent()
        return elapsed(self.segment.get("start"), sent[0]) if sent else None

    def group(self):
        return self.segment.get("agent_group") or self.agent.get("group", "")

    def group_id(self):
        return self.segment.get("agent_group_id") or self.agent.get("group_id", "")

    def derived_transfer(self):
        """(by, status) as the row before has it; by is blank where nobody transferred it in."""
        if self.before is None:
            return "", ""
        before, by = self.before, ""
        end_reason = before.segment.get("end_reason")
        if before.participant == "bot":
            by = "Bot"
        elif before.participant == "queue":
            if end_reason == "timeout":
                by = "System"
        elif end_reason in ("transferred", "agent_transfer", "skill_transfer", "back_to_queue"):
            if before.agent_id:
                by = before.agent.get("email") or full_name(before.agent) or before.agent_id
        return by, before.segment.get("transfer_reason", "") if by else ""

    def transferred_in_by(self):
        return self.segment.get("transferred_in_by") or self.derived_transfer()[0]

    def transferred_in_status(self):
        return self.segment.get("transferred_in_status") or self.derived_transfer()[1]

    def close_reason(self):
        reason = self.segment.get("end_reason")
        if reason in FINE_REASONS:
            return reason
        if reason == "transferred":
            if self.after is None:
                return "other"
            return "skill_transfer" if "queue_entry" in self.after.segment else "agent_transfer"
        if reason == "timeout":
            return "back_to_queue"
        if reason == "abandoned":
            return "closed_by_consumer"
        if reason == "completed" or (self.is_last and self.ended_at is not None):
            return CLOSED_BY.get(self.interaction.get("disconnecting_event"), "other")
        return "other"

    # The following hold for agent's and bot's rows with an end whose channel is not voice.

    def is_messaging(self):
        return self.is_person_or_bot() and "end" in self.segment and self.channel_type() != "voice"

    def outcome(self):
        sides = [side for side, _ in self.messages]
        if "A" not in sides:
            by_consumer = self.close_reason() == "closed_by_consumer"
            return "abandoned" if by_consumer else "non_responsive_agent"
        return "interactive" if "C" in sides[sides.index("A"):] else "non_responsive_consumer"

    def drops_first(self):
        return self.start_reason in ("takeover", "resume")

    def counted(self):
        """How many agent messages count."""
        return len(self.sent()[1:] if self.drops_first() else self.sent())

    def first_message(self):
        """Milliseconds to the first agent message, where the start was new or by transfer."""
        if self.drops_first() or not self.sent():
            return None
        return elapsed(self.segment["start"], self.sent()[0])

    def responses(self, mode):
        """Milliseconds of each response; mode is `message` or `turn`."""
        found = []
        previous = None  # the agent message before
        waiting = None  # the earliest customer message since then
        for side, at in self.messages:
            if side == "C":
                if waiting is None:
                    waiting = at
                continue
            if previous is None:
                if not self.drops_first():
                    found.append(elapsed(self.segment["start"], at))
            elif waiting is not None:
                found.append(elapsed(waiting, at))
            elif mode == "message":
                found.append(elapsed(previous, at))
            previous, waiting = at, None
        return found

    def handle_time(self):
        """(milliseconds, source) with source reported, focus or estimate."""
        segment = self.segment
        if "handle_ms" in segment:
            return segment["handle_ms"], "reported"
        awaiting, consecutive = [], 0
        pending, previous = segment["start"], None
        for side, at in self.messages:
            if side == "C":
                if pending is None:
                    pending = at
                continue
            if pending is not None:
                awaiting.append((pending, at))
            else:
                consecutive += elapsed(previous, at)
            pending, previous = None, at
        if segment.get("focuses"):
            if pending is not None:
                awaiting.append((pending, segment["end"]))
            focuses = clipped(pairs(segment["focuses"], FOREVER), segment["start"], segment["end"])
            real = [span for span in awaiting if span[0] < span[1]]
            return common_length(focuses, real) + consecutive, "focus"
        return sum(elapsed(start, end) for start, end in awaiting) + consecutive, "estimate"

    def agent_wait(self):
        """As said; else, on a voice leg of an agent, idle since the leg before in the login session."""
        if "agent_wait_ms" in self.segment:
            return self.segment["agent_wait_ms"]
        if not is_voice_leg(self.store, self.segment) or not self.segment.get("agent_session_id"):
            return None
        mine = start_order(self.segment)
        earlier = [
            other for other in self.store.all("segment")
            if other["scope"] == self.segment["scope"]
            and other.get("agent_session_id") == self.segment["agent_session_id"]
            and is_voice_leg(self.store, other)
            and start_order(other) < mine
        ]
        if not earlier:
            return None
        last = max(earlier, key=start_order)
        if "end" not in last:
            return None
        free_from = last["end"] + last.get("wrap_ms", 0)
        return elapsed(free_from, self.segment.get("ring_start", self.segment["start"]))


def is_voice_leg(store, segment):
    interaction = store.interaction(segment["scope"], segment["interaction_id"])
    return (
        segment["participant"] == "agent"
        and segment.get("leg") != 1
        and interaction.get("channel_type") == "voice"
    )


def ended_at(interaction, segments):
    """When the interaction ended, or None."""
    if "interaction_end" in interaction:
        return interaction["interaction_end"]
    if "disconnecting_event" not in interaction:
        return None
    said = [
        segment[name]
        for segment in segments
        for name in ("end", "start", "queue_exit", "queue_entry")
        if name in segment
    ]
    return max(said)


def owner(message, candidates):
    """The segment to which a message belongs among those open at its instant, or None."""
    sender, agent_id = message["sender"], message.get("agent_id")
    if sender == "agent" and agent_id:
        fitting, pick = [s for s in candidates if s.get("agent_id") == agent_id], max
    elif sender == "agent":
        fitting, pick = [s for s in candidates if s["participant"] == "agent"], min
    elif sender == "bot":
        fitting, pick = [s for s in candidates if s["participant"] == "bot"], max
        if agent_id:
            fitting = [s for s in fitting if not s.get("agent_id") or s["agent_id"] == agent_id]
    elif sender == "customer":
        fitting, pick = candidates, min
    else:
        return None
    return pick(fitting, key=start_order) if fitting else None


def give_messages(rows, messages):
    """Put every message that counts into the row of its segment."""
    messages = [
        message for message in messages
        if message.get("audience", "public") == "public" and message.get("dialog", "main") == "main"
    ]
    messages.sort(key=lambda message: (message["at"], message.get("seq", 0), message["id"].encode()))
    for message in messages:
        at = message["at"]
        candidates = [
            row.segment for row in rows
            if row.is_person_or_bot()
            and row.segment["start"] <= at
            and ("end" not in row.segment or at <= row.segment["end"])
        ]
        segment = owner(message, candidates)
        for row in rows:
            if row.segment is segment:
                row.messages.append(("C" if message["sender"] == "customer" else "A", at))


def give_start_reasons(rows, interaction):
    before = None
    for row in rows:
        if not row.is_person_or_bot():
            continue
        if "start_reason" in row.segment:
            row.start_reason = row.segment["start_reason"]
        elif before is None:
            row.start_reason = "resume" if interaction.get("opened_by") == "agent" else "new"
        elif before.segment.get("end_reason") == "takeover":
            row.start_reason = "takeover"
        else:
            row.start_reason = "transfer"
        before = row


def all_rows(store):
    """Every row of the store, resolved, in row order."""
    segments_of, messages_of = {}, {}
    for segment in store.all("segment"):
        segments_of.setdefault((segment["scope"], segment["interaction_id"]), []).append(segment)
    for message in store.all("message"):
        messages_of.setdefault((message["scope"], message["interaction_id"]), []).append(message)
    result = []
    for key, segments in segments_of.items():
        interaction = store.interaction(*key)
        rows = [Row(store, interaction, s) for s in segments if s["participant"] != "external"]
        rows.sort(key=Row.order)
        for row, following in zip(rows, rows[1:]):
            row.after, following.before = following, row
        if rows:
            rows[-1].is_last = True
        for row in rows:
            row.ended_at = ended_at(interaction, segments)
        give_start_reasons(rows, interaction)
        give_messages(rows, messages_of.get(key, []))
        result.extend(rows)
    result.sort(key=Row.order)
    return result
