"""With an older version as one of the two servers, the text is exact, however events interleave."""

import pytest
from hypothesis import settings

from testbed.versions import BEFORE
from tests.answers.test_interleavings import Deployment

pytestmark = pytest.mark.timeout(600)
HOW_MUCH = settings(Deployment.TestCase.settings, max_examples=30)


class OlderHeir(Deployment):
    others = BEFORE


class OlderOwner(Deployment):
    owners = BEFORE


TestOlderHeir = OlderHeir.TestCase
TestOlderOwner = OlderOwner.TestCase
TestOlderHeir.settings = TestOlderOwner.settings = HOW_MUCH
