"""A client as integrators have it: the vendors' documented flows, by requests, against the endpoints of a Legwork.

vendor_client.py BASE TOKEN ACCOUNT FROM TO: prints what each flow came to, a line each; any surprise ends it.
"""

import csv
import sys

import requests

BASE, TOKEN, ACCOUNT, FROM, TO = sys.argv[1:]
WINDOW = {"from": FROM, "to": TO}


def ringcentral():
    """Exchange a login for a token, post the report's request, read the stream as CSV."""
    exchange = requests.post(
        f"{BASE}/api/auth/login/rc/accesstoken", data={"rcAccessToken": "x", "rcTokenType": "Bearer"}
    )
    assert exchange.status_code == 401 and "legwork token add" in exchange.json()["details"], exchange.text
    body = {
        "delimiter": "COMMA", "reportType": "CASPER_REPORT", "cciReport": True,
        "reportTypeName": "Inbound_Agent_Segment_Metadata_Report",
        "reportCriteria": {
            "gateIds": [], "startTimestamp": "2020-08-01 00:00:00", "endTimestamp": "2020-08-28 00:00:00",
            "timezoneName": "US/Arizona", "criteriaType": "CASPER_CRITERIA", "returnType": "CSV",
            "schedule": {"repeatOption": "ONCE"}, "accountIds": [],
        },
    }
    url = f"{BASE}/voice/api/v1/admin/accounts/{ACCOUNT}/reportsStreaming"
    with requests.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, stream=True) as answer:
        assert answer.ok and answer.headers["content-type"].startswith("text/csv"), answer.text
        lines = (line.decode() for line in answer.iter_lines() if line)
        rows = list(csv.DictReader(lines))
    assert all(None not in row for row in rows), rows
    print("ringcentral", len(rows), *sorted(row["UII"] for row in rows))


def liveperson():
    """Page through the segments by offset and count, and ask for the metrics."""
    headers, offset, seen = {"Authorization": f"Bearer {TOKEN}"}, 0, []
    while True:
        url = f"{BASE}/api/account/{ACCOUNT}/agent-segments"
        page = requests.get(url, headers=headers, params={"source": "wfm", "limit": 2, "offset": offset, **WINDOW})
        assert page.ok, page.text
        page = page.json()
        seen += [segment["segmentId"] for segment in page["segments"]]
        offset += len(page["segments"])
        if not page["segments"] or page["pagination"]["count"] <= offset:
            break
    print("liveperson", len(seen), *sorted(seen))
    url = f"{BASE}/operations/api/account/{ACCOUNT}/msgagentsegments"
    metrics = requests.get(url, headers=headers, params={"timeframe": 1440, "v": 1, "interval": 30, "agentIds": "all"})
    assert metrics.ok, metrics.text
    intervals = [one["timestamp"] for one in metrics.json()["metricsByIntervals"]]
    assert intervals == sorted(intervals) and {b - a for a, b in zip(intervals, intervals[1:])} == {1_800_000}
    print("metrics", len(intervals))


def refused():
    """Errors have the shape that a client of the vendor reads."""
    bad = requests.get(f"{BASE}/api/account/{ACCOUNT}/agent-segments", headers={"Authorization": "Bearer x"})
    assert bad.status_code == 401 and set(bad.json()) == {"reason", "message"}, bad.text
    wrong = requests.get(f"{BASE}/api/account/{ACCOUNT}/agent-segments", headers={"X-Auth-Token": TOKEN})
    assert wrong.status_code == 400 and wrong.json()["causes"], wrong.text
    print("refused", bad.status_code, wrong.status_code)


ringcentral()
liveperson()
refused()
