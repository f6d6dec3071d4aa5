"""How the web process serves: `gunicorn -c deploy/gunicorn.conf.py`. systemd hands it the socket (icosa-web.socket)."""

import os

wsgi_app = "lims.wsgi"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
# Loaded once: the processes share it, wrong settings end the start, and systemd hears "ready" when it is.
preload_app = True
worker_class = "gthread"
threads = 8
# Longer than nginx keeps an idle connection (60 s): else a request now and then meets one that was just closed, and fails.
keepalive = 75
# Seconds in which a request may end when the lab is stopped or started anew.
graceful_timeout = 30
# Its signs of life are written to a file: on a disk that is busy they would come late, and the worker be killed.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - files without a name
# It would lie in the home folder, which the service may not write to.
control_socket_disable = True
