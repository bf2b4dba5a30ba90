"""The report interaction-details-by-segment: one row per segment or queue stint."""

from printing import csv_text, duration, joined, stamp, text
from resolve import elapsed, hold_mute, shown_name, snooze

HEADER = (
    "Session ID,Direction,Channel,Customer,Support,Queue Name,Queue Entry Time,Queue Exit Time,"
    "Queue Wait Time,Agent Name,Agent Custom Name,Agent Email,Segment ID,Segment Start Time,"
    "Segment End Time,Talk Time,Hold/Mute Time,Snooze Time,First Response Time,Consultants,"
    "Joined Users,Conversation Skills,Transferred In By,Transferred In Status,Status,Reason,"
    "Disconnecting Event"
).split(",")
HEADER_32 = HEADER + ["Disposition", "Messages Sent", "Email Subject", "Session Tags", "User Tags"]


def customer(interaction):
    for name in ("customer", "customer_name", "customer_email", "customer_phone"):
        if interaction.get(name):
            return interaction[name]
    return ""


def support(interaction):
    """The number, address or name under which the centre was reached."""
    channel_type, direction = interaction.get("channel_type"), interaction.get("direction")
    if interaction.get("support"):
        return interaction["support"]
    if channel_type == "voice" or (channel_type == "sms" and direction == "Outbound"):
        return interaction.get("support_number", "")
    if channel_type == "email":
        address = interaction.get("support_email", "")
        if direction == "Outbound":
            return address
        return address or interaction.get("bot_name", "")
    return interaction.get("bot_name", "")


def queue_wait(row, job):
    """Exit minus entry; a row that still waits counts up to the nominal instant."""
    segment = row.segment
    exit_at = segment.get("queue_exit")
    if exit_at is None and "start" not in segment:
        exit_at = job.until(row)
    return elapsed(segment.get("queue_entry"), exit_at)


def gross_talk(row, job):
    """As said, else end minus start, else nothing; an open row counts up to the nominal instant."""
    segment = row.segment
    if "talk_ms" in segment:
        return segment["talk_ms"]
    return elapsed(segment["start"], segment.get("end", job.until(row))) or 0


def hold_mute_time(row, job):
    return hold_mute(row.segment, *known_end(row, job))


def snooze_time(row, job):
    return snooze(row.segment, *known_end(row, job))


def known_end(row, job):
    """Up to when the spans of a segment without an end count: nothing said means without limit."""
    return [] if job.until(row) is None else [job.until(row)]


def unique(values):
    return list(dict.fromkeys(values))


def cells(row, job):
    segment, interaction = row.segment, row.interaction
    is_agent, is_bot = row.participant == "agent", row.participant == "bot"

    def when(name):
        return stamp(segment.get(name), job.zone, job.date_format())

    name, custom_name, email, segment_id, durations = "", "", "", "", [""] * 4
    if is_bot:
        name = "BOT"
    if is_agent:
        name = text(shown_name(row.agent, row.agent_id))
        custom_name, email = text(row.agent.get("custom_name")), text(row.agent.get("email"))
        segment_id = text(segment["id"])
        talk, held = gross_talk(row, job), hold_mute_time(row, job)
        if job.option("talk_time") == "net":
            talk = max(0, talk - held)
        durations = [
            duration(value) for value in (talk, held, snooze_time(row, job), row.first_response())
        ]
    final = ["", "", ""]
    if row.is_last and row.ended_at is not None:
        final = [text(interaction.get(name)) for name in ("status", "reason", "disconnecting_event")]
    result = [
        text(interaction["id"]), text(interaction.get("direction")), text(interaction.get("channel")),
        text(customer(interaction)), text(support(interaction)),
        "" if is_bot else text(segment.get("queue_name")),
        when("queue_entry"), when("queue_exit"), duration(queue_wait(row, job)),
        name, custom_name, email, segment_id, when("start"), when("end"), *durations,
        joined(unique(segment.get("consultants", [])), "|"), joined(segment.get("joined_users"), "|"),
        joined(segment.get("skills"), "|"),
        text(row.transferred_in_by()), text(row.transferred_in_status()), *final,
    ]
    if str(job.option("columns")) == "32":
        is_email = row.channel_type() == "email"
        result += [
            text(segment.get("disposition")),
            str(len(row.sent())) if is_agent else "",
            text(interaction.get("email_subject")) if is_email else "",
            joined(interaction.get("session_tags"), ", "),
            joined(interaction.get("user_tags"), ", "),
        ]
    return result


def report(store, rows, job):
    header = HEADER_32 if str(job.option("columns")) == "32" else HEADER
    return csv_text(header, [cells(row, job) for row in job.detail_rows(rows)], job.guard)
