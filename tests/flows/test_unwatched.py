from __future__ import annotations

import threading

import pytest
from prefect import flow

from pipelines.flows.unwatched import without_heartbeats

pytestmark = pytest.mark.usefixtures("prefect_server")


@flow
def threads_within() -> int:
    return threading.active_count()


def test_a_flow_has_no_thread_that_beats() -> None:
    beating = threads_within()  # the first run starts what all later ones share
    beating = threads_within()
    with without_heartbeats():
        assert threads_within() == beating - 1
    assert threads_within() == beating
