"""How gunicorn serves the portal; every value can be set in the environment of the process."""

from __future__ import annotations

import os

bind = os.environ.get("FEEBRIDGE_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("FEEBRIDGE_WEB_THREADS", "8"))
# The application, and with it the database engine, is made in each worker after the fork.
preload_app = False
timeout = 60
graceful_timeout = 25
keepalive = 5
max_requests = 5_000
max_requests_jitter = 500
limit_request_line = 4_094
accesslog = "-"
# The path without its query: what a person searched for does not belong in a log.
access_log_format = "%(t)s %(m)s %(U)s %(s)s %(B)s %(M)sms"
# Which proxies may say that the browser came by https; the portal itself reads FEEBRIDGE_PROXY_HOPS.
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
