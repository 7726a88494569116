"""What a delivery, a fit and a run are known by, and which fits are kept: one part changed at a time."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from jobs import shop

from clvmodels.batch import store as rooms
from clvmodels.batch.delivery import Delivery, deliver
from clvmodels.batch.run import id_of
from clvmodels.batch.store import Store, asked, fit_or_load, model_of, version_of
from clvmodels.config import config_from
from clvmodels.errors import DataError

DAY = date(2025, 3, 31)
LOG = shop(60)
CHANGES: dict[str, dict[str, Any]] = {
    "how the log is read": {"log": {"source": "log.csv", "refunds": "net"}},
    "model": {"log": {"source": "log.csv"}, "model": {"purchase": "bg_nbd"}},
    "seed": {"log": {"source": "log.csv"}, "model": {"seed": 7}},
}
PLAIN = config_from({"log": {"source": "log.csv"}})


def delivery(fingerprint: str = "abc", as_of: date = DAY) -> Delivery:
    return cast(Delivery, SimpleNamespace(fingerprint=fingerprint, as_of=as_of, rfm="customers"))


@pytest.mark.parametrize("what", CHANGES)
def test_fit_is_another_one_where_the_configuration_asks_for_another(what: str) -> None:
    other = config_from(CHANGES[what])
    assert asked(other) != asked(PLAIN)
    assert version_of(other, delivery()) != version_of(PLAIN, delivery())
    assert version_of(PLAIN, delivery("other")) != version_of(PLAIN, delivery())
    assert version_of(PLAIN, delivery(as_of=date(2025, 4, 1)))[10:] != version_of(PLAIN, delivery())[10:]


def test_run_is_another_one_on_another_day_or_of_other_data() -> None:
    known = {id_of(PLAIN, one) for one in (delivery(), delivery("other"), delivery(as_of=date(2025, 4, 1)))}
    assert len(known) == 3


def test_fit_that_is_not_usable_is_not_kept_and_draws_are_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: a failed fit under the name of a good one, which a later run would load; a seed that is not passed on."""
    kept: list[str] = []
    said: dict[str, Any] = {}

    def fit(rfm: Any, **options: Any) -> Any:
        said.update(options, rfm=rfm)
        return SimpleNamespace(usable=said["usable"])

    def keep(fitted: Any, version: str, _made: Any) -> Any:
        kept.append(version)
        return fitted

    monkeypatch.setattr(rooms, "model_of", lambda _config: SimpleNamespace(fit=fit))
    empty = cast(Store, SimpleNamespace(production=None, has=lambda _version: False, keep=keep))
    config = config_from({"log": {"source": "log.csv"}, "model": {"seed": 7, "draws": 50}})
    for usable, writes, count in ((False, True, 0), (True, False, 0), (True, True, 1)):
        said["usable"] = usable
        fit_or_load(empty, config, delivery(), has_drifted=False, writes=writes)
        assert len(kept) == count
    assert said == {"usable": True, "rfm": "customers", "seed": 7, "draws": 50}


@pytest.mark.parametrize(("said", "season"), [("none", None), ("auto", "auto"), ("default", "default")])
def test_season_of_the_configuration_is_that_of_the_model(said: str, season: str | None) -> None:
    model = model_of(config_from({"log": {"source": "log.csv"}, "model": {"season": said}}))
    assert model.season == season


def test_delivery_is_known_by_its_customers_too() -> None:
    """Killed: the same purchases of other people as the same run."""
    ours = deliver(PLAIN, LOG, DAY).fingerprint
    assert deliver(PLAIN, LOG.sample(frac=1, random_state=1), DAY).fingerprint == ours
    assert deliver(PLAIN, LOG.assign(customer_id=LOG["customer_id"] + 1000), DAY).fingerprint != ours
    assert deliver(PLAIN, LOG.assign(spend=LOG["spend"] + 0.01), DAY).fingerprint != ours


def test_rows_that_are_left_out_are_counted_up_to_the_day() -> None:
    """Killed: zeros, or refunds, that nobody counts; those of days that the run does not know."""
    odd = LOG.iloc[:9].assign(
        spend=np.repeat([0.0, -5.0, -5.0], 3), date=np.repeat(["2025-02-01", "2025-02-01", "2025-06-01"], 3)
    )
    log = pd.concat([LOG, odd], ignore_index=True)
    for refunds, zero, count in (
        ("drop", "drop", 6),
        ("drop", "purchase", 3),
        ("net", "drop", 3),
        ("net", "purchase", 0),
    ):
        config = config_from({"log": {"source": "log.csv", "refunds": refunds, "zero_spend": zero}})
        assert deliver(config, log, DAY).dropped == count, (refunds, zero)


def test_day_before_the_first_row_is_refused() -> None:
    with pytest.raises(DataError, match=r"no row up to 2020-01-01; its first is of 2024-.*check --as-of"):
        deliver(PLAIN, LOG, date(2020, 1, 1))
