"""How the peers are served: by uvicorn as `uvicorn[standard]`, and so FastAPI, installs it."""

import uvicorn
from starlette.applications import Starlette


def serve(app: Starlette, port: int) -> None:
    uvicorn.run(
        app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
