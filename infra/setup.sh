#!/usr/bin/env bash
# Prepares .venv from requirements.lock: the whole set-up of a fresh machine. Calling it again costs nothing.
# uv installs four times faster than pip; where it cannot be had, pip does the same.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.ready
want=$(cat requirements.lock infra/installer.lock pyproject.toml infra/setup.sh | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0

python=""
for candidate in "${PYTHON:-}" python3.11 python3; do
  [ -n "$candidate" ] || continue
  if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "Ratchet needs Python 3.11: install it, or say where it is with PYTHON=/path/to/python3.11" >&2; exit 2; }

echo "Preparing .venv (about a minute and a half; once)"
"$python" -m venv .venv
if .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/installer.lock \
   && .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode -r requirements.lock; then
  :
else
  echo "uv could not install the packages; trying pip"
  # --no-deps: the lock is complete, and pip looks for extras (pandas[parquet]) beyond it otherwise.
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
.venv/bin/python -m compileall -q pipelines services client
echo "$want" > "$stamp"
