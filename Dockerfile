# An application, never a library: the image gets the locked packages and the four folders.
# The last image has no installer and no compiler; its root file system may be read-only.

FROM python:3.11-slim AS packages
# requirements-sqs.lock: with the client for a queue of Amazon's order notifications.
ARG LOCK=requirements.lock
COPY ${LOCK} /tmp/requirements.lock
# Without pip inside: nothing is ever installed into a running container.
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --no-deps \
    --root-user-action=ignore --require-hashes -r /tmp/requirements.lock \
 && /venv/bin/python -m compileall -q /venv/lib


FROM python:3.11-slim
# A fixed user id, so that the owner of the volume is the same on every host.
RUN groupadd --system --gid 10001 lockstep \
 && useradd --system --uid 10001 --gid lockstep --home-dir /data --no-create-home \
    --shell /usr/sbin/nologin lockstep \
 && install -d -m 0750 -o lockstep -g lockstep /data \
 && install -d /config
COPY --from=packages /venv /venv
COPY core /app/core
COPY connectors /app/connectors
COPY config /app/config
COPY jobs /app/jobs
# The table of ZIP areas, made once here, and the code compiled.
RUN cd /app && /venv/bin/python -m config.zip3 && /venv/bin/python -m compileall -q /app

# Our names come before site-packages, and a file that lies in the working directory is never
# imported. LOGNAME: whom the audit trail names when the container runs under another user id.
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOGNAME=lockstep \
    LOCKSTEP_CONFIG=/config/lockstep.yaml

# The configuration's default, sqlite:///data/lockstep.db, is the volume when seen from here.
WORKDIR /
VOLUME ["/data"]
USER lockstep
STOPSIGNAL SIGTERM
# `lockstep status`: alive means that the daemon left a sign of life in the last minute.
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "-m", "jobs", "status", "--health"]
ENTRYPOINT ["python", "-m", "jobs"]
CMD ["run"]
