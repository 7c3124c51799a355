# syntax=docker/dockerfile:1
# The service: a wheel is built in one stage, and installed without tools in the other.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN python -m venv /opt/homeostat \
    && /opt/homeostat/bin/pip install --no-cache-dir --disable-pip-version-check \
       ".[service,dashboard,postgres,notify,telemetry]"

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="homeostat" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 homeostat \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data homeostat \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/homeostat /opt/homeostat
ENV PATH=/opt/homeostat/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8321
STOPSIGNAL SIGTERM
# All that it writes is in /data and /tmp; the rest of the file system may be read-only.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
ENTRYPOINT ["homeostat"]
CMD ["serve", "--host", "0.0.0.0", "--behind-proxy", "--data", "/data", "--token-file", "/data/admin.token"]
