"""Node programs that use the built package; each prints what it showed as JSON."""

import json
from typing import Any

from testbed.frontend import FRONTEND
from testbed.program import output_of

CLIENT = FRONTEND / "client"


async def run(program: str, scenario: str, port: int, **argument: Any) -> Any:
    given = {"origin": f"http://127.0.0.1:{port}", **argument}
    path = str(CLIENT / "tests" / program)
    return json.loads(await output_of("node", path, scenario, json.dumps(given)))
