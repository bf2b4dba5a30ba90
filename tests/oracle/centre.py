"""A random contact centre: small, awkward, and always within the import format.

`Centre(rng)` draws everything from the one generator it is given. Instants are UTC milliseconds until a
record is written. Where two accounts share a centre, their instants differ in the last millisecond digit's
parity, so that rows of equal ids never also have equal instants and every report's order is settled.
"""

import json
from datetime import datetime, timedelta, timezone

import words

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
INSTANTS = {
    "start", "end", "queue_entry", "queue_exit", "ring_start", "interaction_end", "at", "login", "logout",
    "updated_at",
}
SPANS = {"holds", "mutes", "snoozes", "focuses"}
OFFSETS = [timezone(timedelta(minutes=m)) for m in (-300, -240, 60, 120, 330, 630, 660)]


class Centre:
    """Its records in order of arrival, and of each record the version that counts."""

    def __init__(self, rng):
        self.rng = rng
        self.zone = rng.choice(list(words.ZONES))
        anchors = words.ANCHORS[self.zone]
        self.anchor = anchors[0] if rng.random() < 0.5 else rng.choice(anchors)
        self.shuffled = rng.random() < 0.4
        self.whole_seconds = rng.random() < 0.3
        self.records = []
        self.segments = {}      # (account, id) -> the version that counts
        self.interactions = {}  # (account, id) -> all that is said of it
        self.agents = {}        # (account, id) -> the version that counts
        self.sessions = {}      # (account, id) -> the version that counts
        self.forms = {kind: rng.choice(words.ID_FORMS) for kind in ("c", "s", "m", "l", "t", "o", "d")}
        self.agent_ids = [rng.choice(words.AGENT_IDS).format(n=n) for n in range(1, rng.randint(3, 6))]
        self.skill_ids = [rng.choice(words.SKILL_IDS).format(n=n) for n in range(1, rng.randint(2, 5))]
        self.group_ids = [rng.choice(words.GROUP_IDS).format(n=n) for n in range(1, 4)]
        self.queue_names = rng.sample(words.QUEUES, rng.randint(1, 4))
        self.channel_types = rng.choice(words.CHANNEL_TYPES)
        self.parity_of = 1
        if rng.random() < 0.35:
            self.parity_of = 2
            accounts = rng.sample(words.ACCOUNTS + [None], 2)
        else:
            accounts = [rng.choice(words.ACCOUNTS + [None, None, None])]
        left = rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 8, 8))
        for number, account in enumerate(accounts):
            share = left if number == len(accounts) - 1 else rng.randint(0, left)
            left -= share
            self.fill(number, account, share)
        if self.shuffled:
            rng.shuffle(self.records)

    # ---- an account ----

    def fill(self, parity, account, interactions):
        """One account with its agents, sessions and interactions."""
        rng = self.rng
        self.parity = parity
        self.account = account or "default"
        self.scope = {}
        feed = rng.choice(words.FEEDS)
        if feed:
            self.scope["source"] = feed
        if account or rng.random() < 0.1:
            self.scope["account"] = self.account
        self.counts = dict.fromkeys(self.forms, 0)
        self.pool = [self.snap(self.anchor)]
        self.my_agents = rng.sample(self.agent_ids, rng.randint(1, len(self.agent_ids)))
        for agent in self.my_agents:
            if rng.random() < 0.9:
                self.add_agent(agent)
        self.my_sessions = []
        for _ in range(rng.choice((0, 1, 2, 3, 4, 5))):
            self.add_session()
        for _ in range(interactions):
            self.add_interaction()

    def new_id(self, kind):
        """The next id of a kind; each account counts for itself, so that ids repeat between accounts."""
        self.counts[kind] += 1
        return self.forms[kind].format(p=kind, n=self.counts[kind])

    def maybe(self, odds, record, field, choices):
        """Says something of a record, or not."""
        if self.rng.random() < odds:
            record[field] = self.rng.choice(choices)

    def write(self, record):
        """Puts a record into the feed, with scope, and instants as text."""
        line = {"kind": record["kind"], **self.scope}
        for field, value in record.items():
            if field in INSTANTS:
                value = self.stamp(value)
            elif field in SPANS:
                value = [{"start": self.stamp(a), "end": self.stamp(b)} for a, b in value]
            line[field] = value
        if self.rng.random() < 0.1:
            kind = line.pop("kind")
            fields = list(line.items())
            self.rng.shuffle(fields)
            line = {"kind": kind, **dict(fields)}
        self.records.append(line)
        if line["kind"] == "message" and not self.shuffled and self.rng.random() < 0.05:
            self.records.append(line)

    def stamp(self, ms):
        """An instant in one of the ways in which RFC 3339 lets it be written."""
        rng = self.rng
        at = EPOCH + timedelta(milliseconds=ms)
        if rng.random() < 0.1:
            at = at.astimezone(rng.choice(OFFSETS))
        text = at.isoformat(timespec="milliseconds" if ms % 1000 or rng.random() < 0.5 else "seconds")
        return text.replace("+00:00", "Z")

    # ---- time ----

    def snap(self, ms):
        """The instant in this account's parity, and on a whole second where the centre has only such."""
        if self.whole_seconds:
            ms -= ms % 1000
        return ms - ms % self.parity_of + self.parity

    def keep(self, ms):
        """Remembers an instant, so that others may fall on it."""
        ms = self.snap(ms)
        self.pool.append(ms)
        return ms

    def moment(self, near=None, spread=10 * HOUR):
        """An instant: one that was there before, the turn of the day or the clock, or any other."""
        rng = self.rng
        odds = rng.random()
        if odds < 0.12:
            return rng.choice(self.pool)
        if odds < 0.25:
            return self.keep(self.anchor + rng.choice((0, 0, -1000, 1000, -2, 2, -HOUR, HOUR, -DAY, DAY)))
        if near is None:
            near = self.anchor
            if rng.random() < 0.3:
                spread = 40 * HOUR
        return self.keep(near + rng.randint(-spread, spread))

    def length(self):
        """How long something takes: sometimes no time, less than none, or days."""
        rng = self.rng
        odds = rng.random()
        if odds < 0.1:
            return 0
        if odds < 0.17:
            return -rng.choice((2, 1000, rng.randrange(HOUR)))
        if odds < 0.22:
            return rng.randrange(5 * DAY)
        if odds < 0.3:
            return rng.choice(words.LENGTHS)
        return rng.randrange(1000, rng.choice((MINUTE, 40 * MINUTE, 3 * HOUR)))

    def spans(self, start, end, most, backwards=False):
        """One or more spans in and around a stretch; they may overlap, and run backwards where allowed."""
        rng = self.rng
        length = max(abs(end - start), 1000)
        spans = []
        for _ in range(rng.randint(1, most)):
            odds = rng.random()
            first = start + rng.randint(-length // 2, length + length // 2)
            if odds < 0.15 and spans:
                first = rng.choice(spans)[1]
            elif odds < 0.25:
                first = start
            last = first + rng.randrange(length)
            odds = rng.random()
            if odds < 0.08:
                last = first
            elif odds < 0.13:
                last = first - rng.randrange(1000, 2 * MINUTE)
            elif odds < 0.22:
                last = end
            if not backwards:
                last = max(first, last)
            spans.append((self.snap(first), self.snap(last)))
        return spans

    # ---- agents and their sessions ----

    def add_agent(self, agent):
        """An agent: with or without names and address, sometimes said again."""
        rng = self.rng
        record = {"kind": "agent", "id": agent}
        self.maybe(0.7, record, "name", words.NAMES)
        self.maybe(0.5, record, "custom_name", words.CUSTOM)
        if rng.random() < 0.7:
            first = rng.choice(("Jane", "pat", "ZOE"))
            record["email"] = f"{first}.{self.agent_ids.index(agent)}@centre.example"
        self.maybe(0.35, record, "first_name", words.FIRST)
        self.maybe(0.35, record, "last_name", words.LAST)
        self.maybe(0.6, record, "username", ["jdoe", "j.doe@x.example", "=user", "zoë", "1001"])
        self.maybe(0.5, record, "external_id", ["E-1", "0099", "=ext", "x,1"])
        self.maybe(0.6, record, "employee_id", ["4711", "0815", "emp, 1", "=E5", "É7"])
        self.maybe(0.4, record, "phone", words.PHONES)
        self.maybe(0.5, record, "team", words.TEAMS)
        self.maybe(0.6, record, "group", words.GROUPS)
        self.maybe(0.6, record, "group_id", self.group_ids)
        lines = [record]
        if rng.random() < 0.1:
            older = dict(record, updated_at=self.anchor - DAY)
            for field, choices in (("name", words.NAMES), ("team", words.TEAMS), ("group", words.GROUPS)):
                if field in record:
                    older[field] = rng.choice(choices)
            record["updated_at"] = self.anchor
            lines.append(older)
            rng.shuffle(lines)
        for line in lines:
            self.write(line)
        self.agents[self.account, agent] = record

    def add_session(self):
        """A login session with its states, offers and dials, inside it or not."""
        rng = self.rng
        login = self.moment()
        record = {"kind": "agent_session", "id": self.new_id("l"), "agent_id": rng.choice(self.my_agents),
                  "login": login}
        if rng.random() < 0.78:
            length = self.length()
            record["logout"] = self.keep(login + (length if rng.random() < 0.4 else rng.randrange(10 * HOUR)))
        self.maybe(0.5, record, "dial_group", words.DIAL_GROUPS)
        self.maybe(0.4, record, "phone", words.PHONES)
        self.maybe(0.4, record, "team", words.TEAMS)
        lines = [record]
        if rng.random() < 0.1:
            older = {field: value for field, value in record.items() if field != "logout"}
            older["updated_at"] = self.anchor
            record["updated_at"] = self.anchor + 1000
            lines.append(older)
            rng.shuffle(lines)
        for line in lines:
            self.write(line)
        self.my_sessions.append(record)
        self.sessions[self.account, record["id"]] = record
        end = max(record.get("logout", login + 4 * HOUR), login + 1000)
        for _ in range(rng.choice((0, 2, 4, 8))):
            state = {"kind": "agent_state", "id": self.new_id("t"), "agent_session_id": record["id"]}
            state["state"] = rng.choice(words.STATES if rng.random() < 0.9 else words.OTHER_STATES)
            state["start"], last = self.spans(login, end, 1, backwards=True)[0]
            if rng.random() < 0.85:
                state["end"] = last
            self.write(state)
        for _ in range(rng.choice((0, 1, 3, 6))):
            offer = {"kind": "offer", "id": self.new_id("o"), "agent_id": record["agent_id"],
                     "agent_session_id": record["id"], "at": self.moment(login, end - login),
                     "outcome": rng.choice(("accepted", "accepted", "ring_no_answer", "declined"))}
            if rng.random() < 0.8:
                offer["end"] = self.snap(offer["at"] + rng.choice((0, 1500, 29_999, 30_000, 90_001, -2000)))
            self.write(offer)
        for _ in range(rng.choice((0, 0, 1, 3))):
            self.write({"kind": "manual_dial", "id": self.new_id("d"), "agent_id": record["agent_id"],
                        "agent_session_id": record["id"], "at": self.moment(login, end - login),
                        "connected": rng.random() < 0.5})

    def add_interaction(self):
        """An interaction with what belongs to it."""
        import interaction

        interaction.add(self)

    def lines(self):
        """The records as JSON lines, in order of arrival."""
        ascii_only = self.rng.random() < 0.5
        return [json.dumps(record, ensure_ascii=ascii_only) for record in self.records]
