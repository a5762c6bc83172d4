from __future__ import annotations

from types import ModuleType

from services.console.deeds import DEEDS
from services.console.desk import Desk


def hindered(desk: Desk, problem: str) -> dict[str, bool]:
    return {name: deed.hindered(desk, problem) is not None for name, deed in DEEDS.items()}


def test_what_makes_no_sense_now_is_not_offered(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=1, problem="new")
    assert hindered(desk, "new") == {"acknowledge": True, "silence": False, "lift": True, "retrain": False,
                                     "roll-back": True, "approve": True}  # fmt: skip
    year.write_year(desk.settings, weeks=24, standing=True)
    found = hindered(desk, year.PROBLEM)
    assert (found["acknowledge"], found["roll-back"]) == (False, False)
    (question,) = DEEDS["roll-back"].ask(desk, year.PROBLEM)
    assert [(one.value, one.chosen) for one in question.choices] == [("1", True)]


def test_every_deed_says_what_it_will_do() -> None:
    for deed in DEEDS.values():
        assert deed.effects
        assert all(effect.endswith(".") for effect in deed.effects)
    assert [name for name, deed in DEEDS.items() if deed.grave] == ["roll-back", "approve"]
