"""APScheduler with many jobs: CPU per second while idle, memory, and lateness of a thousand jobs due in one second.

Usage: apscheduler_peer.py JOBS
"""

import sys
import threading
import time
from datetime import datetime, timedelta, timezone

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

BURST = 1_000
IDLE = 30


def memory_mib():
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))


def main():
    jobs = int(sys.argv[1])
    late, lock = [], threading.Lock()
    scheduler = BackgroundScheduler(
        timezone=timezone.utc, job_defaults={"misfire_grace_time": 60}, executors={"default": {"type": "threadpool", "max_workers": 20}}
    )
    due = (datetime.now(timezone.utc) + timedelta(seconds=IDLE + 40 + jobs / 1_000)).replace(microsecond=0)

    def fired():
        with lock:
            late.append((datetime.now(timezone.utc) - due).total_seconds() * 1_000)

    for number in range(jobs):
        trigger = DateTrigger(due) if number < BURST else CronTrigger(month=7, day=1, hour=number % 24, timezone=timezone.utc)
        scheduler.add_job(fired, trigger)
    scheduler.start()
    time.sleep(5)
    before, begun = time.process_time(), time.monotonic()
    time.sleep(IDLE)
    per_second = (time.process_time() - before) * 1_000 / (time.monotonic() - begun)
    print(f"{f'APScheduler, {jobs} jobs':<44} {per_second:8.3f} ms CPU/s idle  {memory_mib():7.1f} MiB RSS")
    while datetime.now(timezone.utc) < due + timedelta(seconds=15):
        time.sleep(0.2)
    late.sort()
    at = lambda share: late[int(len(late) * share)] if late else float("nan")
    print(f"{'lateness of 1,000 at once':<44} {at(0.5):8.2f} ms p50  {at(0.99):7.2f} ms p99, {len(late)} of {BURST} fired")
    scheduler.shutdown(wait=False)


main()
