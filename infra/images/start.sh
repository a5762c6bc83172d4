#!/bin/sh
# start ROLE: what a container of the platform image runs. Addresses with passwords come as files in /run/secrets.
# start COMMAND WORD...: that command, though it may begin like a role: `prefect flow-run execute` in a pool of type docker.
set -eu

[ $# -le 1 ] || exec "$@"

secret() { cat "/run/secrets/$1"; }

case ${1:-} in
  mlflow)
    MLFLOW_BACKEND_STORE_URI=$(secret mlflow_database_url)
    export MLFLOW_BACKEND_STORE_URI MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
    exec mlflow server --host 0.0.0.0 --port 5000 --workers 1 --serve-artifacts \
      --artifacts-destination "$RATCHET_ARTIFACTS"
    ;;
  prefect)
    PREFECT_SERVER_DATABASE_CONNECTION_URL=$(secret prefect_database_url)
    export PREFECT_SERVER_DATABASE_CONNECTION_URL
    exec prefect server start --host 0.0.0.0 --port 4200
    ;;
  worker)
    # Named by the container: two workers must not share a name.
    exec python -m pipelines.flows.worker "${RATCHET_WORK_POOL:-ratchet}" "worker-$(hostname)"
    ;;
  evidently)
    exec python -m evidently.cli ui --workspace "$RATCHET_HOME/evidently" --host 0.0.0.0 --port 8001
    ;;
  console)
    exec python -m services.console --host 0.0.0.0 --port 8002
    ;;
  migrate)
    ratchet db upgrade
    exec python /usr/local/share/ratchet/prepare.py
    ;;
  *)
    exec "$@"
    ;;
esac
