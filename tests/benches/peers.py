"""The detail report in other engines, each run a process of its own with two threads.

  peers.py ingest STORE            STORE: parquet duckdb chdb; reads raw.csv in the current folder
  peers.py run ENGINE REPORT OUT   ENGINE: duckdb polars chdb datafusion; REPORT: one-day some-queues everything
                                   half-hours-of-a-day half-hours
  peers.py same OUT OURS           whether two files say the same, quotes and line ends aside

`run` prints `own SECONDS`: its own clock, after the start of the interpreter and its imports."""
import csv
import hashlib
import os
import sys
import time

os.environ.setdefault("POLARS_MAX_THREADS", "2")
COLUMNS = ("id interaction_id participant direction channel customer support queue_name queue_entry queue_exit agent_name "
           "agent_custom_name agent_email start end talk_ms hold_ms snooze_ms first_response_ms consultants joined_users "
           "skills transferred_in_by transferred_in_status status reason disconnecting_event channel_type skill_id").split()
NUMBERS = {"queue_entry", "queue_exit", "start", "end", "talk_ms", "hold_ms", "snooze_ms", "first_response_ms"}
# Header, column, and how it prints.
REPORT = [
    ("Session ID", "interaction_id", "text"), ("Direction", "direction", "text"), ("Channel", "channel", "text"),
    ("Customer", "customer", "text"), ("Support", "support", "text"), ("Queue Name", "queue_name", "text"),
    ("Queue Entry Time", "queue_entry", "instant"), ("Queue Exit Time", "queue_exit", "instant"),
    ("Queue Wait Time", "queue_wait", "duration"), ("Agent Name", "agent_name", "text"),
    ("Agent Custom Name", "agent_custom_name", "text"), ("Agent Email", "agent_email", "text"),
    ("Segment ID", "segment_id", "text"), ("Segment Start Time", "start", "instant"), ("Segment End Time", "end", "instant"),
    ("Talk Time", "talk_ms", "duration"), ("Hold/Mute Time", "hold_ms", "duration"), ("Snooze Time", "snooze_ms", "duration"),
    ("First Response Time", "first_response_ms", "duration"), ("Consultants", "consultants", "text"),
    ("Joined Users", "joined_users", "text"), ("Conversation Skills", "skills", "text"),
    ("Transferred In By", "transferred_in_by", "text"), ("Transferred In Status", "transferred_in_status", "text"),
    ("Status", "status", "text"), ("Reason", "reason", "text"), ("Disconnecting Event", "disconnecting_event", "text"),
]
CHANGE = 1793512800000  # 2026-11-01T06:00:00Z: New York goes from -04:00 to -05:00
DAY = (1793595600000, 1793682000000)  # the local day 2026-11-02
ALL = (1792036800000, 1794632400000)
QUEUES = [f"{team}_Queue_{land}" for team in ("Sales", "Support") for land in "US CA UK DE FR ES IN AU BR JP".split()]
FORMAT = "%Y-%m-%d %H:%M:%S"
# What each store computes when it takes the rows in, so that no report has to.
DERIVED = ('coalesce(queue_entry, "start") AS row_start, queue_exit - queue_entry AS queue_wait, '
           "CASE WHEN agent_name IS NULL OR agent_name = 'BOT' THEN NULL ELSE id END AS segment_id")


def where(report):
    low, high = DAY if report == "one-day" else ALL
    text = f"row_start >= {low} AND row_start < {high}"
    if report != "everything":
        text += " AND queue_name IN (" + ",".join(f"'{queue}'" for queue in QUEUES) + ")"
    return text


def half_hours(report, table, instant, quotient):
    """Segments of agents and bots by the half-hour in which they end."""
    low, high = DAY if report == "half-hours-of-a-day" else ALL
    # By the instant, for an hour of the clock comes twice on the day of the change.
    span = quotient(f'"end" - {low}', 1_800_000)
    took = quotient('sum(greatest("end" - "start", 0))', "count(*)")
    groups = (f'SELECT {span} AS n, skill_id AS "skillId", coalesce(agent_email, agent_name) AS "agentId", '
              f'count(*) AS "totalAgentConversationSegments", {took} AS "avgAgentSegmentDuration" FROM {table} '
              "WHERE participant IN ('agent', 'bot') AND channel_type IN ('sms', 'chat') "
              f'AND "end" >= {low} AND "end" < {high} GROUP BY 1, 2, 3')
    return (f'SELECT {instant(f"({low} + n * 1800000)")} AS "interval", "skillId", "agentId", '
            f'"totalAgentConversationSegments", "avgAgentSegmentDuration" FROM ({groups}) groups ORDER BY n, "skillId", "agentId"')


def statement(report, table, instant, duration, quotient):
    if report.startswith("half-hours"):
        return half_hours(report, table, instant, quotient)
    form = {"text": lambda column: f'"{column}"', "instant": lambda column: instant(f'"{column}"'),
            "duration": lambda column: duration(f'"{column}"')}
    cells = ", ".join(f'{form[kind](column)} AS "{header}"' for header, column, kind in REPORT)
    return f"SELECT {cells} FROM {table} WHERE {where(report)} ORDER BY row_start, id"


def offset(ms, unit):
    return f"(CASE WHEN {ms} < {CHANGE} THEN {-14400 * unit} ELSE {-18000 * unit} END)"


def raw():
    kinds = ",".join(f"'{column}':'{'BIGINT' if column in NUMBERS else 'VARCHAR'}'" for column in COLUMNS)
    return f"read_csv('raw.csv', header=true, auto_detect=false, delim=',', quote='\"', escape='\"', columns={{{kinds}}})"


def ingest(store):
    if store in ("duckdb", "parquet"):
        import duckdb
        connection = duckdb.connect("segments.duckdb" if store == "duckdb" else ":memory:")
        connection.execute("SET threads=2")
        select = f"SELECT *, {DERIVED} FROM {raw()} ORDER BY row_start, id"
        if store == "duckdb":
            connection.execute(f"CREATE TABLE segment AS {select}")
            connection.execute("CHECKPOINT")
        else:
            connection.execute(f"COPY ({select}) TO 'segments.parquet' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)")
    elif store == "chdb":
        from chdb import session
        opened = session.Session("chdb")
        opened.query("CREATE DATABASE IF NOT EXISTS s")
        own = {"id", "interaction_id", "customer"}
        derived = ["row_start", "queue_wait", "segment_id"]

        def kind(column):
            if column == "row_start":
                return "Int64"
            if column in NUMBERS or column == "queue_wait":
                return "Nullable(Int64)"
            if column == "segment_id":
                return "Nullable(String)"
            return "String" if column in own else "LowCardinality(Nullable(String))"
        opened.query("CREATE TABLE s.segment (" + ", ".join(f'"{c}" {kind(c)}' for c in COLUMNS + derived)
                     + ") ENGINE=MergeTree ORDER BY (row_start, id)")
        shape = ", ".join(f"{c} {'Nullable(Int64)' if c in NUMBERS else 'Nullable(String)'}" for c in COLUMNS)
        opened.query(f"INSERT INTO s.segment SELECT *, {DERIVED} FROM file('raw.csv','CSVWithNames','{shape}') SETTINGS "
                     "max_threads=2, format_csv_null_representation='', input_format_csv_empty_as_default=1, "
                     "max_insert_block_size=1048576")
        opened.query("OPTIMIZE TABLE s.segment FINAL")
        opened.close()


def run_duckdb(report, out):
    import duckdb
    begun = time.perf_counter()
    connection = duckdb.connect("segments.duckdb", read_only=True)
    connection.execute("SET threads=2")
    instant = lambda column: f"epoch_ms((({column})//1000+{offset(column, 1)})*1000)"
    duration = lambda column: f"CAST(to_seconds(CAST(({column})//1000 AS BIGINT)) AS VARCHAR)"
    quotient = lambda above, below: f"({above})//({below})"
    connection.execute(f"COPY ({statement(report, 'segment', instant, duration, quotient)}) TO '{out}' (FORMAT csv, HEADER true)")
    return begun


def run_polars(report, out):
    import polars as pl
    begun = time.perf_counter()
    low, high = DAY if report in ("one-day", "half-hours-of-a-day") else ALL
    if report.startswith("half-hours"):
        return polars_half_hours(pl, begun, low, high, out)
    frame = pl.scan_parquet("segments.parquet").filter((pl.col("row_start") >= low) & (pl.col("row_start") < high))
    if report != "everything":
        frame = frame.filter(pl.col("queue_name").is_in(QUEUES))

    def cell(column, kind):
        value = pl.col(column)
        if kind == "instant":
            local = value // 1000 + pl.when(value < CHANGE).then(-14400).otherwise(-18000)
            return (local * 1000).cast(pl.Datetime("ms"))
        return (value // 1000 * 1_000_000_000).cast(pl.Int64).cast(pl.Time) if kind == "duration" else value
    frame = frame.sort("row_start", "id").select([cell(column, kind).alias(header) for header, column, kind in REPORT])
    frame.sink_csv(out, datetime_format=FORMAT, time_format="%H:%M:%S")
    return begun


def polars_half_hours(pl, begun, low, high, out):
    start, end = pl.col("start"), pl.col("end")
    interval = low + (end - low) // 1_800_000 * 1_800_000
    frame = pl.scan_parquet("segments.parquet").filter(
        pl.col("participant").is_in(["agent", "bot"]) & pl.col("channel_type").is_in(["sms", "chat"]) & (end >= low) & (end < high))
    keys = [interval.alias("at"), pl.col("skill_id").alias("skillId"), pl.coalesce("agent_email", "agent_name").alias("agentId")]
    frame = frame.group_by(keys).agg(pl.len().alias("totalAgentConversationSegments"), (end - start).clip(0).sum().alias("took"))
    frame = frame.sort("at", "skillId", "agentId").select(
        ((pl.col("at") // 1000 + pl.when(pl.col("at") < CHANGE).then(-14400).otherwise(-18000)) * 1000).cast(pl.Datetime("ms")).alias("interval"),
        "skillId", "agentId", "totalAgentConversationSegments",
        (pl.col("took") // pl.col("totalAgentConversationSegments")).alias("avgAgentSegmentDuration"))
    frame.sink_csv(out, datetime_format=FORMAT)
    return begun


def run_datafusion(report, out):
    from datafusion import SessionConfig, SessionContext
    begun = time.perf_counter()
    context = SessionContext(SessionConfig().with_target_partitions(2))
    context.register_parquet("segment", "segments.parquet")
    instant = lambda column: f"arrow_cast((({column})/1000+{offset(column, 1)}), 'Timestamp(Second, None)')"
    duration = lambda column: f"arrow_cast(arrow_cast(({column})/1000, 'Int32'), 'Time32(Second)')"
    quotient = lambda above, below: f"({above})/({below})"
    context.sql(f"COPY ({statement(report, 'segment', instant, duration, quotient)}) TO '{out}' STORED AS CSV OPTIONS "
                f"('format.has_header' 'true', 'format.timestamp_format' '{FORMAT}', 'format.time_format' '%H:%M:%S')").collect()
    return begun


def run_chdb(report, out):
    from chdb import session
    begun = time.perf_counter()
    opened = session.Session("chdb")
    instant = lambda column: f"toDateTime(intDiv({column},1000),'America/New_York')"
    duration = lambda column: f"formatDateTime(toDateTime(intDiv({column},1000),'UTC'),'%T')"
    quotient = lambda above, below: f"intDiv({above}, {below})"
    opened.query(statement(report, "s.segment", instant, duration, quotient) + f" INTO OUTFILE '{out}' TRUNCATE FORMAT CSVWithNames "
                 "SETTINGS max_threads=2, format_csv_null_representation='', output_format_csv_crlf_end_of_line=1")
    opened.close()
    return begun


def digest(path):
    """Of the cells alone, so that quotes and line ends do not count."""
    whole = hashlib.md5()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            whole.update("\x1f".join(row).encode())
            whole.update(b"\x1e")
    return whole.hexdigest()


def first_difference(ours, theirs):
    with open(ours, newline="", encoding="utf-8") as one, open(theirs, newline="", encoding="utf-8") as other:
        for number, (a, b) in enumerate(zip(csv.reader(one), csv.reader(other)), 1):
            if a != b:
                return f"row {number}:\n{a}\n{b}"
    return "one is longer"


def main():
    what = sys.argv[1]
    if what == "ingest":
        ingest(sys.argv[2])
    elif what == "run":
        engine, report, out = sys.argv[2:5]
        begun = globals()[f"run_{engine}"](report, out)
        # Legwork's file is on the disk when its run ends.
        with open(out, "rb") as file:
            os.fsync(file.fileno())
        print(f"own {time.perf_counter() - begun:.4f}")
    elif what == "same":
        if digest(sys.argv[2]) != digest(sys.argv[3]):
            sys.exit(f"{sys.argv[2]} and {sys.argv[3]} differ: {first_difference(sys.argv[2], sys.argv[3])}")
    else:
        sys.exit(__doc__)


main()
