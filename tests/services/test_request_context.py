from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.prediction.guarding.request_context import Context, context_of, new_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def asked(**headers: str) -> Context:
    return context_of(
        {"headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]}
    )


def test_ids_are_made_where_none_came() -> None:
    one, other = asked(), asked()
    assert re.fullmatch("[0-9a-f]{32}", one.id)
    assert one.id == one.trace_id != other.trace_id
    assert re.fullmatch("[0-9a-f]{16}", one.span_id)
    assert not one.sampled


@pytest.mark.parametrize("name", ["order-17", "A" * 128, "a/b:c=d+e.f_g~h"])
def test_a_safe_id_is_taken_over(name: str) -> None:
    assert asked(x_request_id=name).id == name


@pytest.mark.parametrize("name", ["", "A" * 129, "a b", "a\tb", "ä", '"', "<b>"])
def test_any_other_is_replaced(name: str) -> None:
    assert re.fullmatch("[0-9a-f]{32}", asked(x_request_id=name).id)


def test_a_context_of_nothing_is_one_of_no_headers() -> None:
    one, other = new_context(), new_context()
    assert re.fullmatch("[0-9a-f]{32}", one.id)
    assert one.id == one.trace_id != other.trace_id
    assert re.fullmatch("[0-9a-f]{16}", one.span_id)
    assert one.span_id != other.span_id
    assert (one.sampled, one.tracestate) == (False, None)


def test_a_trace_goes_on_with_a_span_of_ours() -> None:
    context = asked(traceparent=PARENT, tracestate="congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
    assert (context.trace_id, context.sampled) == (TRACE, True)
    assert context.span_id not in (SPAN, "0" * 16)
    assert context.id != TRACE, "a trace may hold many requests"
    assert context.headers() == [
        (b"x-request-id", context.id.encode()),
        (b"traceparent", f"00-{TRACE}-{context.span_id}-01".encode()),
        (b"tracestate", b"congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
    ]
    assert context.fields()["trace_id"] == TRACE
    assert not asked(traceparent=f"00-{TRACE}-{SPAN}-fe").sampled


@pytest.mark.parametrize("parent", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-the-future-adds"])
def test_a_later_version_is_read_as_far_as_it_is_known(parent: str) -> None:
    assert asked(traceparent=parent).trace_id == TRACE


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.upper(),
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"0g-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01more",
        PARENT + "\n",
    ],
)
def test_a_wrong_parent_starts_a_new_trace_without_its_state(parent: str) -> None:
    context = asked(traceparent=parent, tracestate="a=1")
    assert context.trace_id != TRACE
    assert re.fullmatch("[0-9a-f]{32}", context.trace_id)
    assert context.tracestate is None


def test_two_parents_are_none() -> None:
    header = (b"traceparent", PARENT.encode())
    assert context_of({"headers": [header, header]}).trace_id != TRACE


def test_several_states_are_one_in_their_order() -> None:
    headers = [(b"traceparent", PARENT.encode()), (b"tracestate", b"a=1"), (b"tracestate", b"b=2")]
    assert context_of({"headers": headers}).tracestate == "a=1,b=2"


@pytest.mark.parametrize(
    "state", ["", "a", "A=1", "a=1,a=2", "a=" + "x" * 600, ",".join(f"k{n}=1" for n in range(33)), "a=ä", "a=1\r\nb: 2"]
)
def test_a_state_that_cannot_be_read_is_dropped(state: str) -> None:
    assert asked(traceparent=PARENT, tracestate=state).tracestate is None


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate", b"x-request-id"]), st.binary(max_size=80))))
def test_whatever_comes_the_answer_is_a_safe_header(headers: list[tuple[bytes, bytes]]) -> None:
    context = context_of({"headers": headers})
    told = dict(context.headers())
    assert context.lines() == b"".join(b"%b: %b\r\n" % line for line in told.items())
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", told[b"traceparent"])
    assert all(re.fullmatch(rb"[\x20-\x7e\t]+", value) for value in told.values())
