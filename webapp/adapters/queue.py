"""The bell: RQ queues whose messages say "there is work", and name a run by its id. They may be lost or doubled."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import redis
from rq import Queue
from rq.serializers import JSONSerializer

log = logging.getLogger(__name__)

# The only function a worker carries out for a message.
PERFORM_RUN = "worker.main.perform_run"
# A bell that nobody heard for this long is rung anew by the reconciler.
BELL_TTL_S = 600
ANSWER_WITHIN_S = 2.0


class RunQueue:
    """Rings workers through Redis. Redis may be away: the reconciler rings again."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(
            redis_url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S
        )

    def ring(self, queue: str, run_ids: Sequence[int]) -> int:
        """Put one message per run id into the queue; returns how many, 0 when Redis is away."""
        if not run_ids:
            return 0
        bells = [
            Queue.prepare_data(
                PERFORM_RUN,
                args=(run_id,),
                timeout=-1,
                result_ttl=0,
                failure_ttl=0,
                ttl=BELL_TTL_S,
                description=f"run {run_id}",
            )
            for run_id in run_ids
        ]
        try:
            Queue(queue, connection=self._redis, serializer=JSONSerializer).enqueue_many(bells)
        except redis.RedisError as err:
            log.warning("bell_not_rung queue=%s runs=%s reason=%s", queue, len(run_ids), type(err).__name__)
            return 0
        return len(run_ids)

    def depth(self, queue: str) -> int | None:
        """How many messages wait in the queue; None when Redis is away."""
        try:
            return int(Queue(queue, connection=self._redis, serializer=JSONSerializer).count)
        except redis.RedisError as err:
            log.warning("queue_not_read queue=%s reason=%s", queue, type(err).__name__)
            return None

    def close(self) -> None:
        """Let the connections go."""
        self._redis.close()
