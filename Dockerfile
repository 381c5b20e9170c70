# Three images from one file: exporters, webhook_receiver, and the small WedSync of the demonstration. They share every
# layer but the last. The Python they stand on is named in .env; docker-compose.yml hands it in.
#
#   docker build --build-arg PYTHON_IMAGE=python:3.11.15-slim-trixie --target exporters .
ARG PYTHON_IMAGE

FROM ${PYTHON_IMAGE} AS build
# Another package index, where the public one cannot be reached; empty for the usual one. Never one with a password in
# it: arguments stay readable in this stage.
ARG PIP_INDEX_URL=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
# Exactly what the lock names, by hash, and no code of any package run while installing.
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/requirements.lock
COPY compose/entrypoint.sh compose/probe.py /opt/wedsync/
COPY wedsync_core /opt/wedsync/wedsync_core
COPY exporters /opt/wedsync/exporters
COPY webhook_receiver /opt/wedsync/webhook_receiver
COPY docs/runbooks /opt/wedsync/docs/runbooks
# Compiled here: the file system is read-only later.
RUN /opt/venv/bin/python -m compileall -q /opt/wedsync


FROM ${PYTHON_IMAGE} AS base
LABEL org.opencontainers.image.title="WedSync Monitoring" \
      org.opencontainers.image.source="https://github.com/wedsync/monitoring"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/wedsync \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number nobody else has, and the folder for a volume: an empty one mounted there takes over the owner.
RUN groupadd --system --gid 10001 wedsync \
    && useradd --system --uid 10001 --gid wedsync --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin wedsync \
    && install -d -o wedsync -g wedsync -m 0750 /var/lib/wedsync
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/wedsync /opt/wedsync
WORKDIR /opt/wedsync
USER 10001:10001
ENTRYPOINT ["/bin/sh", "/opt/wedsync/entrypoint.sh"]


FROM base AS demo
COPY demo /opt/wedsync/demo
EXPOSE 8083
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "/opt/wedsync/probe.py", "http://127.0.0.1:8083/healthz"]
CMD ["demo"]


FROM base AS exporters
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "/opt/wedsync/probe.py", "http://127.0.0.1:8081/readyz"]
CMD ["exporters"]


FROM base AS webhook_receiver
EXPOSE 8082
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "/opt/wedsync/probe.py", "http://127.0.0.1:8082/readyz"]
CMD ["webhook_receiver"]
