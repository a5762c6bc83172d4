# The platform: worker, MLflow, Prefect, Evidently, the console and every command. `start ROLE` says which.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
COPY requirements.lock infra/installer.lock infra/images/subset.py infra/images/*.names ./
RUN for image in build platform; do python subset.py $image.names < requirements.lock > $image.lock; done \
 && python -m venv /build/venv \
 && /build/venv/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r build.lock
COPY pyproject.toml README.md ./
COPY pipelines pipelines
COPY services services
COPY client client
RUN /build/venv/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /build/wheel .

FROM ${PYTHON}
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home ratchet \
 && install -d -o ratchet -g ratchet /var/lib/ratchet /var/lib/ratchet/evidently /var/lib/history /backups \
      /secrets /secrets/postgres /secrets/s3 /secrets/mlflow /secrets/prefect /secrets/ratchet /secrets/prediction \
      /secrets/grafana /secrets/prometheus
COPY infra/installer.lock /build/
COPY --from=build /build/platform.lock /build/
# uv installs four times faster than pip, and goes again in the same layer.
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /build/installer.lock \
 && python -m venv --without-pip /opt/ratchet \
 && /opt/uv/bin/uv pip install --quiet --system-certs --no-cache --python /opt/ratchet/bin/python --no-deps --require-hashes \
      --compile-bytecode -r /build/platform.lock \
 && rm -rf /opt/uv
ENV PATH=/opt/ratchet/bin:$PATH HOME=/tmp \
    DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true PREFECT_SERVER_ANALYTICS_ENABLED=false DVC_NO_ANALYTICS=1 \
    SCARF_NO_ANALYTICS=true GIT_PYTHON_REFRESH=quiet PYTHONUNBUFFERED=1 DVC_SITE_CACHE_DIR=/tmp/dvc \
    RATCHET_HOME=/var/lib/ratchet
COPY --from=build /build/wheel /build/wheel
# A wheel of Python alone is a zip file that is laid out as it is installed.
RUN cd /opt/ratchet/lib/python3.11/site-packages && python -m zipfile -e /build/wheel/*.whl . \
 && printf '#!/opt/ratchet/bin/python\nfrom pipelines.cli import main\nmain()\n' > /opt/ratchet/bin/ratchet \
 && chmod 755 /opt/ratchet/bin/ratchet \
 && python -m compileall -q pipelines services ratchet_client
COPY infra/images/start.sh /usr/local/bin/start
COPY infra/images/healthy.sh /usr/local/bin/healthy
COPY infra/images/make_secrets.py infra/images/prepare.py /usr/local/share/ratchet/
USER 10001:10001
WORKDIR /var/lib/ratchet
ENTRYPOINT ["start"]
