"""Node programs that use the built package; each prints what it showed as JSON."""

import asyncio
import json
import subprocess
from typing import Any

from testbed.frontend import FRONTEND

CLIENT = FRONTEND / "client"


async def run(program: str, scenario: str, port: int, **argument: Any) -> Any:
    given = {"origin": f"http://127.0.0.1:{port}", **argument}
    path = str(CLIENT / "tests" / program)
    running = await asyncio.create_subprocess_exec(
        "node", path, scenario, json.dumps(given), stdout=subprocess.PIPE
    )
    try:
        output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    assert running.returncode == 0
    return json.loads(output)
