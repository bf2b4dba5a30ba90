"""Random interactions of a centre: their lines, segments with corrections, and messages."""

import words
from centre import DAY, HOUR, MINUTE

COARSE = ["completed", "transferred", "timeout", "abandoned"]
FINE = ["closed_by_consumer", "closed_by_agent", "closed_by_system", "agent_transfer", "skill_transfer",
        "back_to_queue", "takeover", "other"]
NEEDED = ("kind", "id", "interaction_id", "participant", "agent_id", "start", "queue_entry")


def add(centre):
    """One interaction of the centre's present account."""
    rng = centre.rng
    said = {"kind": "interaction", "id": centre.new_id("c")}
    channel_type = rng.choice(centre.channel_types)
    say(centre, said, channel_type)
    segments = chain(centre, said["id"], channel_type)
    if rng.random() < 0.65:
        ends = [s["end"] for s in segments if "end" in s]
        odds = rng.random()
        if ends and odds < 0.8:
            said["interaction_end"] = max(ends) if odds < 0.6 else rng.choice(ends)
        else:
            said["interaction_end"] = centre.moment()
    centre.maybe(0.55, said, "disconnecting_event", words.EVENTS)
    for segment in segments:
        centre.segments[centre.account, segment["id"]] = segment
    histories = [versions(centre, segment) for segment in segments]
    feed = [line for history in histories for line in history]
    lines = split(centre, said, [history[0] for history in histories if len(history) == 1])
    for line in lines:
        feed.insert(rng.choice((0, len(feed))), line)
    for line in feed:
        centre.write(line)
    by_arrival = not centre.shuffled and not any("updated_at" in line for line in lines)
    if lines and by_arrival and rng.random() < 0.1:
        later = {"kind": "interaction", "id": said["id"]}
        for field, choices in (("status", words.STATUSES), ("reason", words.REASONS), ("channel", ["Fax"])):
            centre.maybe(0.5, later, field, choices)
        said.update(later)
        centre.write(later)
    if rng.random() < (0.1 if channel_type == "voice" else 0.9):
        messages(centre, said["id"], segments)
    centre.interactions[centre.account, said["id"]] = said


def say(centre, said, channel_type):
    """What is known of an interaction beside its end."""
    rng = centre.rng
    said["channel"] = rng.choice(words.CHANNELS[channel_type])
    if channel_type:
        said["channel_type"] = channel_type
    if rng.random() < 0.1:
        del said["channel"]
    centre.maybe(0.9, said, "direction", ("Inbound", "Outbound"))
    centre.maybe(0.2, said, "customer", words.NAMES)
    centre.maybe(0.5, said, "customer_name", words.NAMES)
    centre.maybe(0.5, said, "customer_email", words.EMAILS)
    centre.maybe(0.5, said, "customer_phone", words.PHONES)
    centre.maybe(0.15, said, "support", words.QUEUES)
    centre.maybe(0.6, said, "support_number", words.PHONES)
    centre.maybe(0.6, said, "support_email", words.EMAILS)
    centre.maybe(0.6, said, "bot_name", words.BOTS)
    centre.maybe(0.6, said, "status", words.STATUSES)
    centre.maybe(0.5, said, "reason", words.REASONS)
    centre.maybe(0.4, said, "uii", ("202611010000130149000000000%d" % rng.randrange(10), "=uii", "u,1"))
    centre.maybe(0.5, said, "ani", words.PHONES)
    centre.maybe(0.5, said, "dnis", words.PHONES)
    centre.maybe(0.5, said, "integration_source", words.SOURCES)
    centre.maybe(0.5, said, "opened_by", ("customer", "agent", "system"))
    centre.maybe(0.4, said, "email_subject", words.SUBJECTS)
    if rng.random() < 0.3:
        said["session_tags"] = rng.sample(words.TAGS, rng.randint(1, 3))
    if rng.random() < 0.3:
        said["user_tags"] = rng.sample(words.TAGS, rng.randint(1, 3))


def split(centre, said, carriers):
    """The interaction's lines: one, or several with a part of the fields each; a segment may carry a part."""
    rng = centre.rng
    odds = rng.random()
    if odds < 0.02:  # nothing but the segments is known
        for field in list(said):
            if field not in ("kind", "id"):
                del said[field]
        return []
    if odds < 0.75:
        line = dict(said)
        if rng.random() < 0.15:
            line["updated_at"] = centre.anchor
        return [line]
    parts = [{"kind": "interaction", "id": said["id"]} for _ in range(rng.randint(2, 3))]
    carrier = rng.choice(carriers) if odds < 0.83 and carriers else None
    for field, value in said.items():
        if field not in ("kind", "id"):
            rng.choice([*parts, carrier] if carrier else parts)[field] = value
    return parts


def chain(centre, interaction, channel_type):
    """The segments of an interaction, one mostly where the other ends."""
    rng = centre.rng
    at = centre.moment()
    segments = []
    count = rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 5, 6))
    if channel_type == "voice" and count and rng.random() < 0.5:
        leg = {"participant": "external", "start": at, "leg": 1}
        if rng.random() < 0.8:
            leg["end"] = centre.keep(at + max(centre.length(), 1000))
        segments.append(finish(centre, interaction, leg))
    before = None
    for number in range(count):
        odds = rng.random()
        if odds < (0.3 if number == 0 and channel_type != "voice" else 0.08):
            segment = bot(centre, at)
        elif odds < 0.25:
            segment = queue(centre, at)
        else:
            again = before if before and rng.random() < 0.25 else rng.choice(centre.my_agents)
            segment = agent(centre, at, again, channel_type)
            before = again
        segments.append(finish(centre, interaction, segment))
        last = segment.get("end", segment.get("queue_exit", at))
        odds = rng.random()
        at = last
        if odds < 0.25:
            at = centre.keep(last + rng.randrange(10 * MINUTE))
        elif odds < 0.4:
            at = centre.moment(last, DAY)
    return segments


def finish(centre, interaction, segment):
    """Gives a segment its id and the line it begins with."""
    return {"kind": "segment", "id": centre.new_id("s"), "interaction_id": interaction, **segment}


def close(centre, segment, start):
    """When, how and why a segment ended, if it has."""
    rng = centre.rng
    if rng.random() < 0.9:
        segment["end"] = centre.keep(start + centre.length())
    if rng.random() < 0.85:
        segment["end_reason"] = rng.choice(COARSE if rng.random() < 0.5 else FINE)
    centre.maybe(0.35, segment, "transfer_reason", words.TRANSFER_REASONS)


def bot(centre, at):
    """A bot's portion."""
    rng = centre.rng
    segment = {"participant": "bot", "start": at}
    close(centre, segment, at)
    if rng.random() < 0.3:
        segment["agent_id"] = rng.choice(centre.my_agents)
    centre.maybe(0.2, segment, "user_type", ("bot", "bot", "human", "system"))
    common(centre, segment)
    activity(centre, segment)
    return segment


def queue(centre, at):
    """A queue stint nobody answered."""
    rng = centre.rng
    segment = {"queue_entry": at}
    if rng.random() < 0.5:
        segment["participant"] = "queue"
    centre.maybe(0.9, segment, "queue_name", centre.queue_names)
    if rng.random() < 0.85:
        segment["queue_exit"] = centre.keep(at + centre.length())
    centre.maybe(0.8, segment, "end_reason", ("timeout", "timeout", "abandoned", "transferred", "completed"))
    centre.maybe(0.35, segment, "transfer_reason", words.TRANSFER_REASONS)
    common(centre, segment)
    return segment


def agent(centre, at, who, channel_type):
    """An agent's portion."""
    rng = centre.rng
    segment = {"agent_id": who, "start": at}
    if rng.random() < 0.6:
        segment["participant"] = "agent"
    odds = rng.random()
    if odds < 0.6:
        wait = rng.choice((0, 1000, 59_999, rng.randrange(HOUR), rng.randrange(HOUR)))
        segment["queue_entry"] = centre.keep(at - wait)
        centre.maybe(0.95, segment, "queue_name", centre.queue_names)
        if rng.random() < 0.85:
            exit_at = at if rng.random() < 0.6 else at - wait + centre.length()
            segment["queue_exit"] = centre.keep(exit_at)
    elif odds < 0.7:
        centre.maybe(0.7, segment, "queue_name", centre.queue_names)
        if rng.random() < 0.3:
            segment["queue_exit"] = at
    close(centre, segment, at)
    centre.maybe(0.08, segment, "user_type", ("human", "bot", "system"))
    common(centre, segment)
    activity(centre, segment)
    if channel_type == "voice" or rng.random() < 0.15:
        call(centre, segment)
    centre.maybe(0.12, segment, "talk_ms", words.LENGTHS)
    centre.maybe(0.4, segment, "disposition", words.DISPOSITIONS)
    for field in ("consultants", "joined_users"):
        if rng.random() < 0.15:
            segment[field] = rng.sample(words.EMAILS, rng.randint(1, 3))
    centre.maybe(0.25, segment, "agent_group", words.GROUPS)
    centre.maybe(0.25, segment, "agent_group_id", centre.group_ids)
    return segment


def common(centre, segment):
    """What any portion may have."""
    rng = centre.rng
    centre.maybe(0.35, segment, "queue_group", words.QUEUE_GROUPS)
    if "queue_name" in segment:
        centre.maybe(0.4, segment, "queue_id", ("q1", "q2", "q 3"))
    centre.maybe(0.2, segment, "campaign_id", ("cmp1", "cmp2", "=cmp3"))
    centre.maybe(0.25, segment, "campaign", words.CAMPAIGNS)
    centre.maybe(0.3, segment, "dial_group", words.DIAL_GROUPS)
    centre.maybe(0.65, segment, "skill_id", centre.skill_ids)
    if rng.random() < 0.3:
        segment["skills"] = rng.sample(words.SKILLS, rng.randint(1, 3))
    centre.maybe(0.1, segment, "transferred_in_by", ("System", "Bot", "Jane.1@centre.example", "=by"))
    centre.maybe(0.1, segment, "transferred_in_status", words.TRANSFER_REASONS)
    centre.maybe(0.2, segment, "leg", (1, 2, 2, 3, 4, 12))


def activity(centre, segment):
    """Hold, mute, snooze, focus and what else a source may have measured."""
    rng = centre.rng
    start, end = segment["start"], segment.get("end")
    odds = rng.random()
    if odds < 0.3 and end is not None:
        segment["holds"] = centre.spans(start, end, 4)
        segment["mutes"] = centre.spans(start, end, 3)
    if 0.25 < odds < 0.5:  # with the spans sometimes: those win
        centre.maybe(0.8, segment, "hold_ms", words.LENGTHS)
        centre.maybe(0.6, segment, "mute_ms", words.LENGTHS)
    if rng.random() < 0.12 and end is not None:
        segment["snoozes"] = centre.spans(start, end, 3)
    centre.maybe(0.1, segment, "snooze_ms", words.LENGTHS)
    if rng.random() < 0.3 and end is not None:
        segment["focuses"] = centre.spans(start, end, 4)
    centre.maybe(0.1, segment, "first_response_ms", words.LENGTHS)
    centre.maybe(0.1, segment, "handle_ms", words.LENGTHS)
    centre.maybe(0.12, segment, "start_reason", ("new", "transfer", "takeover", "resume"))


def call(centre, segment):
    """What the telephone platform says of an agent's leg."""
    rng = centre.rng
    if rng.random() < 0.75:
        segment["leg"] = rng.choice((2, 2, 3, 4, 5, 10, 1))
    if centre.my_sessions and rng.random() < 0.75:
        own = [s for s in centre.my_sessions if s["agent_id"] == segment["agent_id"]]
        segment["agent_session_id"] = rng.choice(own or centre.my_sessions)["id"]
    elif rng.random() < 0.2:
        segment["agent_session_id"] = "unknown session"
    if rng.random() < 0.55:
        rang = rng.choice((0, 1500, 15_000, 29_999, 200_000, -4000))
        segment["ring_start"] = centre.snap(segment["start"] - rang)
    centre.maybe(0.3, segment, "ring_ms", words.LENGTHS)
    centre.maybe(0.45, segment, "wrap_ms", words.LENGTHS)
    centre.maybe(0.15, segment, "agent_wait_ms", words.LENGTHS)
    centre.maybe(0.5, segment, "termination_party", words.PARTIES)
    centre.maybe(0.5, segment, "termination_reason", words.TERM_REASONS)
    if rng.random() < 0.4:
        segment["transferred_by_disposition"] = rng.random() < 0.6
    centre.maybe(0.4, segment, "recording_file", ("rec 1.wav", "=rec,2.wav", "aufnahme-ü.mp3"))
    centre.maybe(0.4, segment, "recording_url", ("https://rec.example/1?a=b,c", "@rec", "rec.example/é"))


def versions(centre, segment):
    """The lines of a segment in order of arrival: one, or one with what was said before it, however late."""
    rng = centre.rng
    if rng.random() > 0.14:
        return [segment]
    older = []
    newest = centre.anchor + rng.randrange(5 * DAY)
    equal = not centre.shuffled and rng.random() < 0.3
    for back in range(1, rng.choice((2, 2, 3))):
        line = dict(segment)
        for field in rng.sample(list(line), rng.randint(0, 6)):
            if field not in NEEDED:
                del line[field]
        if "end" in line and rng.random() < 0.5:
            line["end"] = centre.moment(line["end"], HOUR)
        if "start" in line and rng.random() < 0.3:
            line["start"] = centre.moment(line["start"], HOUR)
        if line.get("participant") not in ("bot", "external") and "agent_id" in line and rng.random() < 0.3:
            line["agent_id"] = rng.choice(centre.my_agents)
        centre.maybe(0.3, line, "end_reason", COARSE + FINE)
        if rng.random() < 0.1:
            line["interaction_id"] = centre.forms["c"].format(p="c", n=1)
        if not equal:
            line["updated_at"] = newest - back * 1000
        older.append(line)
    if equal:
        if rng.random() < 0.5:
            for line in [segment, *older]:
                line["updated_at"] = newest
        return older + [segment]
    segment["updated_at"] = newest
    lines = [segment, *older]
    rng.shuffle(lines)
    return lines


def messages(centre, interaction, segments):
    """Messages in, around and at the very bounds of the segments."""
    rng = centre.rng
    served = [s for s in segments if "start" in s]
    bounds = [s[field] for s in served for field in ("start", "end") if field in s] or [centre.anchor]
    first, last = min(bounds), max(bounds)
    before = rng.choice(bounds)
    for _ in range(rng.choice((0, 1, 3, 5, 8, 12))):
        odds = rng.random()
        if odds < 0.22:
            at = rng.choice(bounds)
        elif odds < 0.36:
            at = before
        elif odds < 0.8 and served:
            part = rng.choice(served)
            length = part.get("end", part["start"] + HOUR) - part["start"]
            at = part["start"] + rng.randrange(max(length, 1000))
        else:
            at = rng.randint(first - MINUTE, last + MINUTE)
        before = at = centre.snap(at)
        sender = rng.choice(("agent",) * 9 + ("customer",) * 8 + ("bot",) * 2 + ("system",))
        line = {"kind": "message", "id": centre.new_id("m"), "interaction_id": interaction, "at": at,
                "sender": sender}
        if sender in ("agent", "bot"):
            who = [s["agent_id"] for s in served if "agent_id" in s]
            odds = rng.random()
            if who and odds < (0.75 if sender == "agent" else 0.3):
                line["agent_id"] = rng.choice(who)
            elif odds > 0.85:
                line["agent_id"] = rng.choice(centre.my_agents)
        centre.maybe(0.2, line, "audience", ("public", "private"))
        centre.maybe(0.15, line, "dialog", ("main", "survey"))
        centre.maybe(0.5, line, "seq", (0, 1, 2, 3, 10))
        centre.write(line)
