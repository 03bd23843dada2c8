# The service in a container: packages are installed in a stage of their own; what runs is not root and writes below /data and /tmp only.

FROM python:3.12-slim AS build
WORKDIR /src
RUN ["python", "-m", "venv", "/opt/stillmotion"]
COPY requirements.lock ./
RUN ["/opt/stillmotion/bin/python", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes", "-r", "requirements.lock"]
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY providers ./providers
COPY storage ./storage
RUN ["/opt/stillmotion/bin/python", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation", "."]

FROM python:3.12-slim
# The second licence is that of x264 and x265, which two of the packages carry; see README.md.
LABEL org.opencontainers.image.title="Stillmotion" \
      org.opencontainers.image.description="A chat bot that turns an image and a sentence into a video" \
      org.opencontainers.image.licenses="MIT AND GPL-2.0-or-later"
COPY --from=build /opt/stillmotion /opt/stillmotion
# Bytecode was compiled by the install. The HTTP side must be reached from outside the container, health and metrics must not.
ENV PATH=/opt/stillmotion/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STILLMOTION_HTTP_HOST=0.0.0.0
RUN ["install", "--directory", "--mode=0700", "--owner=10001", "--group=10001", "/data"]
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# It asks where STILLMOTION_METRICS_PORT is by default, past any proxy: leave that setting as it is in here.
HEALTHCHECK --interval=30s --timeout=6s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-c", "from urllib import request; request.build_opener(request.ProxyHandler({})).open('http://127.0.0.1:9464/healthz', timeout=5)"]
ENTRYPOINT ["stillmotion"]
CMD ["run"]
