# The prediction service, with what serving imports and nothing else. Two targets:
#   lean        releases that are compiled (nearly all), JSON bodies: --target lean
#   prediction  every release and every body: adds scikit-learn, pandas and Arrow, which are imported when one asks for them
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
COPY requirements.lock infra/installer.lock infra/images/subset.py infra/images/*.names ./
RUN for image in build lean prediction; do python subset.py $image.names < requirements.lock > $image.lock; done \
 && python -m venv /build/venv \
 && /build/venv/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r build.lock
COPY pyproject.toml README.md ./
COPY pipelines pipelines
COPY services services
COPY client client
RUN /build/venv/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /build/wheel .

FROM ${PYTHON} AS lean
RUN useradd --uid 10001 --user-group --create-home ratchet \
 && install -d -o ratchet -g ratchet /var/lib/ratchet /var/lib/ratchet/serving /var/lib/history
COPY infra/installer.lock /build/
COPY --from=build /build/lean.lock /build/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /build/installer.lock \
 && python -m venv --without-pip /opt/ratchet \
 && /opt/uv/bin/uv pip install --quiet --system-certs --no-cache --python /opt/ratchet/bin/python --no-deps --require-hashes \
      --compile-bytecode -r /build/lean.lock \
 && rm -rf /opt/uv
ENV PATH=/opt/ratchet/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 \
    RATCHET_HOME=/var/lib/ratchet RATCHET_HISTORY_ROOT=/var/lib/history RATCHET_HOST=0.0.0.0
COPY --from=build /build/wheel /build/wheel
RUN cd /opt/ratchet/lib/python3.11/site-packages && python -m zipfile -e /build/wheel/*.whl . \
 && python -m compileall -q pipelines services
COPY infra/images/healthy.sh /usr/local/bin/healthy
USER 10001:10001
WORKDIR /var/lib/ratchet
EXPOSE 8000
CMD ["python", "-m", "services.prediction", "--port", "8000"]

FROM lean AS prediction
USER root
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=build /build/prediction.lock /build/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /build/installer.lock \
 && /opt/uv/bin/uv pip install --quiet --system-certs --no-cache --python /opt/ratchet/bin/python --no-deps --require-hashes \
      --compile-bytecode -r /build/prediction.lock \
 && rm -rf /opt/uv
USER 10001:10001
