"""Prints random contact centres with the reports they must give, one JSON line a centre.

    main.py --seed N --centres COUNT [--no-expected]

Centre i is made from the seed N + i alone: `--seed N+i --centres 1` makes it again.
"""

import argparse
import json
import random
import sys

from centre import Centre
from jobs import jobs

NOMINAL = "2026-12-01T00:00:00Z"


def line(seed, with_expected):
    """One centre: its records, and its reports with the text each must print."""
    rng = random.Random(seed)
    centre = Centre(rng)
    records = centre.lines()
    reports = []
    for name, text in jobs(rng, centre):
        report = {"name": name, "job": text, "nominal": NOMINAL}
        if with_expected:
            import oracle

            report["expected"] = oracle.expected([json.loads(record) for record in records], text, NOMINAL)
        reports.append(report)
    return json.dumps({"seed": seed, "records": records, "reports": reports})


def main():
    """Reads the arguments and prints the lines."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--seed", type=int, required=True, help="of the first centre")
    parser.add_argument("--centres", type=int, required=True, help="how many")
    parser.add_argument("--no-expected", action="store_true", help="leave the expected texts out")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    for seed in range(arguments.seed, arguments.seed + arguments.centres):
        print(line(seed, not arguments.no_expected))


if __name__ == "__main__":
    main()
