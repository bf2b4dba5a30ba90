"""The reports inbound- and outbound-agent-segment-metadata: one row per agent leg of a call."""

from printing import PLAIN_STAMP, SLASH_STAMP, csv_text, duration, stamp, text, whole_seconds
from resolve import elapsed, first_and_last_name, hold, is_voice_leg, ring

HEADER = (
    "Account ID,UII,Session ID,ANI,DNIS,Call Type,Agent ID,Agent Login ID,Agent First Name,"
    "Agent Last Name,Agent Username,Product Type,Product ID,Product Name,Enqueue Dts,Dequeue Dts,"
    "Queue Duration,Start Dts,End Dts,Duration,Wrap Time,Dial Dts,Dial Duration,Hold Duration,"
    "Agent Wait Duration,Term Party,Term Reason,Agent Disposition,Segment Recording File Name,"
    "Segment Recording URL"
).split(",")
# The field that stands in each of the columns above, and the order of `columns = "fields"`.
FIELDS_OF_HEADER = (
    "account_id,uii,session_id,call_ani,call_dnis,call_type,agent_id,agent_login_id,agent_first,"
    "agent_last,agent_username,product_type,product_id,product_name,enqueue_dts,dequeue_dts,"
    "queue_duration,start_dts,end_dts,duration,wrap_time,dial_dts,dial_duration,hold_duration,"
    "agent_wait_duration,term_party,term_reason,agent_disposition,segment_recording_filename,"
    "segment_recording_url"
).split(",")
FIELDS = (
    "uii,account_id,session_id,call_ani,call_dnis,call_type,agent_login_id,agent_id,agent_first,"
    "agent_last,agent_username,product_type,product_id,product_name,enqueue_dts,dequeue_dts,"
    "queue_duration,start_dts,end_dts,duration,wrap_time,dial_dts,dial_duration,hold_duration,"
    "agent_wait_duration,term_party,term_reason,agent_disposition,segment_recording_filename,"
    "segment_recording_url"
).split(",")


def product(segment):
    """(type, id, name) of the campaign or the queue through which the call came."""
    if segment.get("campaign") or segment.get("campaign_id"):
        return "Campaign", segment.get("campaign_id"), segment.get("campaign")
    if segment.get("queue_name") or segment.get("queue_id"):
        return "Queue", segment.get("queue_id"), segment.get("queue_name")
    return "", "", ""


def values(row, job, inbound, as_fields):
    """Every field's cell by the field's name."""
    segment, interaction = row.segment, row.interaction
    pattern = job.date_format(PLAIN_STAMP if as_fields else SLASH_STAMP)
    span = whole_seconds if as_fields else duration

    def when(name):
        return stamp(segment.get(name), job.zone, pattern)

    first, last = first_and_last_name(row.agent)
    product_type, product_id, product_name = product(segment)
    uii = text(interaction.get("uii") or interaction["id"])
    if not as_fields and job.option("uii_apostrophe", True):
        uii = "'" + uii
    return {
        "account_id": text(segment["account"]),
        "uii": uii,
        "session_id": str(segment.get("leg", "")),
        "call_ani": text(interaction.get("ani")),
        "call_dnis": text(interaction.get("dnis")) if inbound else "",
        "call_type": "INBOUND" if inbound else "OUTBOUND",
        "agent_id": text(row.agent_id),
        "agent_login_id": text(segment.get("agent_session_id")),
        "agent_first": text(first),
        "agent_last": text(last),
        "agent_username": text(row.agent.get("username")),
        "product_type": product_type,
        "product_id": text(product_id),
        "product_name": text(product_name),
        "enqueue_dts": when("queue_entry"),
        "dequeue_dts": when("queue_exit"),
        "queue_duration": span(elapsed(segment.get("queue_entry"), segment.get("queue_exit"))),
        "start_dts": when("start"),
        "end_dts": when("end"),
        "duration": span(elapsed(segment["start"], segment.get("end", job.until(row)))),
        "wrap_time": span(segment.get("wrap_ms", 0)),
        "dial_dts": when("ring_start"),
        "dial_duration": span(ring(segment) or 0),
        "hold_duration": span(hold(segment)),
        "agent_wait_duration": span(row.agent_wait()),
        "term_party": text(segment.get("termination_party")),
        "term_reason": text(segment.get("termination_reason")),
        "agent_disposition": text(segment.get("disposition")),
        "segment_recording_filename": text(segment.get("recording_file")),
        "segment_recording_url": text(segment.get("recording_url")),
    }


def report(store, rows, job):
    inbound = job.type.startswith("inbound")
    as_fields = job.option("columns") == "fields"
    order = FIELDS if as_fields else FIELDS_OF_HEADER
    table = []
    for row in job.detail_rows(rows):
        if not is_voice_leg(store, row.segment):
            continue
        if row.interaction.get("direction") != ("Inbound" if inbound else "Outbound"):
            continue
        cells = values(row, job, inbound, as_fields)
        table.append([cells[name] for name in order])
    return csv_text(FIELDS if as_fields else HEADER, table, job.guard)
