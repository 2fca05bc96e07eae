# kinema serve on the processor, as a user without rights. A run is mounted, and its backbone weights:
#
#   docker build -t kinema .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 -e KINEMA_TOKEN=... \
#       -v $PWD/run:/run-folder:ro -v $PWD/weights:/weights:ro -v kinema-cache:/home/kinema/.cache kinema
FROM python:3.11-slim AS build
WORKDIR /source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /kinema
# torch without CUDA is a tenth of the size; the rest is pinned as everywhere.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN /kinema/bin/pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu '.[serve]'

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 kinema && mkdir -p /home/kinema/.cache && chown kinema /home/kinema/.cache
COPY --from=build /kinema /kinema
USER kinema
WORKDIR /home/kinema
ENV PATH=/kinema/bin:$PATH PYTHONUNBUFFERED=1 KINEMA_OFFLINE=1 KINEMA_WEIGHTS=/weights
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# SIGTERM lets what has begun finish; `docker stop -t 60` waits longer for it than 10 seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["kinema", "serve", "/run-folder", "--host", "0.0.0.0", "--port", "8000"]
