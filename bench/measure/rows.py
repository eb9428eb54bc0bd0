"""The table: what Quern is held to, and whether it is there. No IO."""

from dataclasses import dataclass
from typing import Optional

from measure.figures import FIGURES


@dataclass(frozen=True)
class Row:
    """`figures`: of several the worst counts, as each of them must be there."""

    work: str
    figures: tuple
    reach: Optional[float]
    aim: Optional[float]
    more_is_better: bool = False
    sized: Optional[str] = None  # the size in its text, which --scale changes

    @property
    def unit(self):
        return FIGURES[self.figures[0]][1]


def more(work, *figures, reach, aim):
    return Row(work, figures, reach, aim, more_is_better=True)


def less(work, *figures, reach=None, aim=None, sized=None):
    return Row(work, figures, reach, aim, sized=sized)


ROWS = (
    more("single submits, 64 connections, against Redis LPUSH `appendfsync always`",
         "submit_to_redis", reach=0.75, aim=1.0),
    more("the same at 256 connections", "submit_to_redis_256", reach=0.9, aim=1.2),
    more("batches of 100 over 8 connections, against raw RocksDB in synced batches of 256",
         "batch_to_raw", reach=0.4, aim=0.7),
    more("whole life cycle, one request per step, 64 connections, against BullMQ on synced Redis",
         "lifecycle_to_bullmq", reach=2, aim=3),
    more("whole life cycle through the SDK's `Worker`, submits one by one, against Celery on Redis",
         "worker_to_celery", reach=40, aim=80),
    less("one connection, one submit at a time: p50 against one `fdatasync` of 4 KiB",
         "single_to_append", reach=2.5, aim=1.7),
    less("ready task → parked worker has it, p99 at half load", "delivery_p99", reach=10, aim=3),
    Row("submit and lease with {:,} ready tasks in the queue, against an empty server",
        ("backlog_submit", "backlog_lease"), 0.8, 0.95, True, "backlog"),
    less("resident memory at {:,} ready tasks", "backlog_rss", "backlog_rss_restarted",
         reach=600, aim=300, sized="backlog"),
    less("restart to `/readyz` with {:,} ready tasks", "restart", "restart_killed", reach=5, aim=1,
         sized="backlog"),
    less("{:,} tasks due in the same second: others' p99 meanwhile, against calm", "due_ratio",
         reach=3, aim=1.5, sized="due"),
    less("redriving {:,} dead tasks: others' p99 meanwhile, against calm", "redrive_ratio",
         reach=3, aim=1.5, sized="dead"),
    less("{:,} parked workers, resident memory each", "parked_bytes", reach=40, aim=15,
         sized="parked"),
    less("disk after {:,} tasks are finished and past retention", "disk_after", reach=64,
         sized="finished"),
    less("written to disk per life cycle of a 200-byte task", "written_per_cycle"),
)


@dataclass(frozen=True)
class Judged:
    work: str
    unit: str
    value: Optional[float]  # None: not measured in this run
    reach: Optional[float]
    aim: Optional[float]
    verdict: str


def judge(figures, sizes, first_written=None):
    """Every row. `sizes` by name; `first_written`: the figure of the first run, half of which is the
    last row's aim."""
    return [judge_row(row, figures, sizes, first_written) for row in ROWS]


def judge_row(row, figures, sizes, first_written):
    values = [figures.median(name) for name in row.figures]
    value = None
    if None not in values:
        value = min(values) if row.more_is_better else max(values)
    aim = row.aim
    if row.figures == ("written_per_cycle",) and first_written:
        aim = first_written / 2
    work = row.work.format(sizes[row.sized]) if row.sized else row.work
    return Judged(work, row.unit, value, row.reach, aim, verdict_of(row, value, aim))


def verdict_of(row, value, aim):
    """aim, reached, missed, or measured where there is nothing to reach."""
    if value is None:
        return "not measured"

    def holds(limit):
        return value >= limit if row.more_is_better else value <= limit

    if aim is not None and holds(aim):
        return "aim"
    if row.reach is None:
        return "measured"
    return "reached" if holds(row.reach) else "missed"
