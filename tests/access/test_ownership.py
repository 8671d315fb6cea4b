"""A channel's name proves its owner, and cannot be forged."""

from hypothesis import given
from hypothesis import strategies as st

from proxy_server.access.channels import Channels
from proxy_server.access.signatures import Signer
from proxy_server.access.visitors import Visitors

OLD, NEW = "the-old-secret-of-tests", "the-new-secret-of-tests"
channels = Channels("ai", Signer([NEW, OLD]))
users = st.text(min_size=1)


@given(users)
def test_a_conversation_is_its_owners(user: str) -> None:
    conversation = channels.new_conversation(user)
    assert conversation.isascii()
    assert channels.owns(user, conversation)
    assert channels.belongs_to(user, channels.of_conversation(conversation))


@given(users, users)
def test_a_conversation_is_nobody_elses(user: str, other: str) -> None:
    conversation = channels.new_conversation(user)
    assert channels.owns(other, conversation) == (user == other)
    assert channels.belongs_to(other, channels.of_user(user)[0]) == (user == other)
    assert not channels.owns("", conversation)


@given(st.data())
def test_a_changed_or_cut_name_is_nobodys(data: st.DataObject) -> None:
    conversation = channels.new_conversation("anna")
    at = data.draw(st.integers(0, len(conversation) - 2))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != conversation[at]))
    assert not channels.owns("anna", conversation[:at] + other + conversation[at + 1 :])
    assert not channels.owns("anna", conversation[:at])


@given(st.text())
def test_a_made_up_name_is_nobodys(name: str) -> None:
    assert not channels.belongs_to("anna", name)
    assert not channels.belongs_to("anna", f"ai:{name}")


def test_secrets_rotate() -> None:
    before = Channels("ai", Signer([OLD]))
    conversation = before.new_conversation("anna")
    assert channels.owns("anna", conversation)
    assert not Channels("ai", Signer([NEW])).owns("anna", conversation)
    assert before.of_user("anna")[0] in channels.of_user("anna")


def test_a_users_channel_is_no_conversation() -> None:
    assert not channels.owns("anna", channels.of_user("anna")[0].removeprefix("ai:"))


def test_a_visitor_comes_back_with_its_token() -> None:
    visitors = Visitors(Signer([OLD]))
    visitor = visitors.new()
    assert visitors.known(visitor.token) == visitor
    rotated = Visitors(Signer([NEW, OLD])).known(visitor.token)
    assert rotated is not None
    assert rotated.user == visitor.user
    assert Visitors(Signer([NEW])).known(visitor.token) is None


@given(st.text())
def test_a_forged_token_is_nobodys(token: str) -> None:
    assert Visitors(Signer([OLD])).known(token) is None


@given(users)
def test_a_channels_signature_makes_no_visitor(user: str) -> None:
    signer = Signer([OLD])
    ours = Channels("ai", signer)
    for name in (ours.new_conversation(user), ours.of_user(user)[0].removeprefix("ai:")):
        nonce, signature = name[:17], name[17:]
        for claimed in (user, nonce, user + nonce):
            assert Visitors(signer).known(f"{claimed}.{signature}") is None


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_fields_sign_differently(fields: list[str], others: list[str]) -> None:
    signer = Signer([OLD])
    assert (signer.sign(*fields) == signer.sign(*others)) == (fields == others)
    assert signer.sign("ab", "c") != signer.sign("a", "bc")
