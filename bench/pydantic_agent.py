"""An agent of PydanticAI without tools, over the model server."""

import os

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

agent = Agent(
    OpenAIChatModel(
        "test", provider=OpenAIProvider(base_url=os.environ["OPENAI_BASE_URL"], api_key="none")
    )
)
