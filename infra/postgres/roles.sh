#!/bin/bash
# Runs once, in an empty data folder: a role and a database of its own for Ratchet, MLflow and Prefect.
set -euo pipefail
for name in ratchet mlflow prefect; do
  # Passwords are of URL-safe characters alone (infra/images/make_secrets.py), so quotes are enough.
  password=$(cat "/run/secrets/${name}_password")
  psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres <<SQL
CREATE ROLE $name LOGIN PASSWORD '$password';
CREATE DATABASE $name OWNER $name;
REVOKE CONNECT ON DATABASE $name FROM PUBLIC;
SQL
done
