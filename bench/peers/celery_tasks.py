"""Celery's side of a life cycle: a task that does nothing. The broker is named by the environment.

As a program: submits COUNT tasks one by one, and prints when it began and ended (Unix time).

    python3 celery_tasks.py COUNT PAYLOAD_BYTES
"""

import json
import os
import sys
import time

from celery import Celery

app = Celery("celery_tasks", broker=os.environ["BENCH_BROKER"])
app.conf.update(
    task_acks_late=True,  # acknowledged after the work, as Quern does
    task_ignore_result=True,  # no result backend, which is less work than Quern's
    worker_send_task_events=False,
)


@app.task(name="bench")
def bench(payload):
    pass


def main():
    count, payload_bytes = map(int, sys.argv[1:])
    payload = "x" * (payload_bytes - 2)
    bench.delay(payload)  # connects; one more than is counted
    began = time.time()
    for _ in range(count):
        bench.delay(payload)
    print(json.dumps({"began": began, "ended": time.time()}))


if __name__ == "__main__":
    main()
