"""assistant-ui's own runtime over the adapter and the hook, against the real parts."""

from testbed.deployment import Deployment
from testbed.text import text
from tests.clients import node


async def test_a_thread_is_begun_found_renamed_archived_and_deleted(deployment: Deployment) -> None:
    seen = await node.run("ai_sdk/assistant_ui.mjs", "threads", deployment.port)
    turn = [["user", "/tokens 20"], ["assistant", text(20)]]
    assert seen["begun"] == turn
    assert seen["found"] == turn
    assert seen["titles"] == ["/tokens 20", "/tokens 20", "A new title"]
    assert seen["statuses"] == [["archived"] * 2, ["regular"] * 2]
    assert seen["left"] == 0
