"""A whole service that answers with compiled models: no tool of training is in it, and it stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

HEAVY = ("pandas", "sklearn", "scipy", "mlflow", "evidently", "prefect", "pyarrow", "duckdb", "lightgbm", "skops")
PROGRAM = """
import http.client, json, sys, threading, time
import uvicorn
from services.prediction.app import create_app
from pipelines.core.settings import Settings

home, heavy, asked = json.loads(sys.argv[1])
server = uvicorn.Server(uvicorn.Config(create_app(Settings(home=home)), port=0, log_config=None, access_log=False))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    assert thread.is_alive()
    time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
found = {"status": []}
for problem, rows in asked.items():
    line = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"instances": rows})
    line.request("POST", f"/v1/models/{problem}/predict", body, {"content-type": "application/json"})
    answer = line.getresponse()
    found["status"].append((answer.status, len(json.loads(answer.read()).get("predictions", []))))
found["heavy"] = [name for name in heavy if name in sys.modules]
memory = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
found["megabytes"] = int(memory.split()[1]) / 1024
server.should_exit = True
thread.join()
print(json.dumps(found))
"""


def test_a_service_of_compiled_models_holds_no_tool_of_training(shop: Any, loans: Any, trips: Any) -> None:
    for toy in (loans, trips):
        shop.promote(toy, shop.release(toy, 0.5, toy.compile))
    asked = {toy.name: toy.rows(3) for toy in (loans, trips)}
    content = json.dumps([str(shop.settings.home), HEAVY, asked])
    done = subprocess.run([sys.executable, "-c", PROGRAM, content], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["status"] == [[200, 3], [200, 3]]
    assert found["heavy"] == []
    assert found["megabytes"] < 200
