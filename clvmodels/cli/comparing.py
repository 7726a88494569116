"""The command that judges forecasters as a configuration says, and writes the report of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from clvmodels.cli.judging import DEFAULT_NAMES, say_scorecard
from clvmodels.cli.options import Model
from clvmodels.cli.show import wrote
from clvmodels.errors import ArgumentError, DataError
from clvmodels.progress import progress_bar

if TYPE_CHECKING:
    from clvmodels.backtesting import Origins, Scorecard
    from clvmodels.config import Config
    from clvmodels.contracts import Forecaster
    from clvmodels.forecast import FittedCLV
    from clvmodels.prediction import Forecast
    from clvmodels.report import Section
    from clvmodels.rfm import RFM

PAGE = Path("report.html")


def compare(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="What to compare, in TOML.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="HTML page to write.", show_default="[report] out, or report.html"),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Save the scorecard, too, as backtest does.", show_default=False),
    ] = None,
) -> None:
    """Compare forecasters as a configuration says: backtest, criticism, forecast and one report.

    The log stands in [log], who takes part in [[models]], when and how far in [backtest], the forecast from the end of
    the data in [model] and [forecast], the page in [report]. A variable CLV__SECTION__KEY replaces a key.

    Example: clvmodels compare config.toml --out report.html
    """
    from clvmodels.artifacts import check_folder, save_scorecard
    from clvmodels.batch.delivery import opened
    from clvmodels.config import read_config
    from clvmodels.io import check_writable
    from clvmodels.report import write_report

    asked = read_config(config)
    page = out or (PAGE if asked.report.out is None else asked.path(asked.report.out))
    check_writable(page)
    if save is not None:
        check_folder(save, "scorecard")
    currency = asked.report.currency
    with opened(asked) as rows:
        scorecard = judged(asked, rows)
        say_scorecard(scorecard, currency)
        found = looked_at(asked, rows, scorecard)
    looks: dict[str, Any] = {
        "currency": currency,
        "title": asked.report.title,
        "hash_ids": asked.report.hash_ids,
    }
    write_report(scorecard, page, **looks, **found)
    wrote(page, *([] if save is None else [save_scorecard(scorecard, save)]))


def judged(config: Config, rows: Any) -> Scorecard:
    """The backtest that [backtest] and [[models]] ask for."""
    from clvmodels.backtesting import backtest

    said, rules = config.backtest, dict[str, Any](config.log.rules)
    with progress_bar("backtest", tells_time=False) as move:
        return backtest(
            rows,
            taking_part(config),
            origins=plan_of(config),
            observation_end=said.observation_end,
            draws=said.draws,
            seed=said.seed,
            workers=said.workers,
            progress=move,
            **rules,
        )


def taking_part(config: Config) -> list[Forecaster]:
    """Whom [[models]] names, or the usual. Modules of one's own may lie beside the configuration.

    Raises
    ------
    ArgumentError
        If one lacks a library or is no forecaster, or an option is outside its range.
    """
    from clvmodels.contenders import forecasters_of

    said = [one.said for one in config.models] or [{"name": name} for name in DEFAULT_NAMES]
    try:
        return forecasters_of(said, no_spend=config.log.no_spend, folder=config.path(".").resolve())
    except ArgumentError as problem:
        raise ArgumentError(f"[[models]] {problem}") from None


def plan_of(config: Config) -> Origins:
    """When forecasts are made, and how far they reach."""
    from clvmodels.backtesting import Origins

    said = config.backtest
    is_dates = isinstance(said.origins, list)
    return Origins(
        tuple(said.horizon),
        dates=tuple(said.origins) if isinstance(said.origins, list) else None,
        number=None if is_dates else said.origins,  # type: ignore[arg-type]  # a number, then
        step=said.step,
        min_calibration=said.min_calibration,
        first_seen=said.first_seen,
        min_age=said.min_age,
    )


def looked_at(config: Config, rows: Any, scorecard: Scorecard) -> dict[str, Any]:
    """What the report shows beside the backtest: criticism at the last origin, the fit to the log, its forecast."""
    from clvmodels.criticism import criticise
    from clvmodels.transactions import calibration_holdout, rfm_summary

    rules: dict[str, Any] = dict(config.log.rules)
    end = config.backtest.observation_end
    known, holdout = calibration_holdout(rows, cutoff=max(scorecard.data["origin"]), holdout_end=end, **rules)
    with progress_bar("checking what the models take for granted"):
        suspicions = criticise(known, holdout.before, scorecard=scorecard, seed=config.backtest.seed)
    rfm = rfm_summary(rows, observation_end=end, **rules)
    fitted, forecast = _ahead(config, rfm)
    return {
        "sections": returned(config, rows, rfm, forecast),
        "suspicions": suspicions,
        "holdout": holdout,
        "rfm": rfm,
        "fitted": fitted,
        "forecast": forecast,
    }


def returned(config: Config, rows: Any, rfm: RFM, forecast: Forecast) -> list[Section]:
    """The section on refunds up to the start of the forecast, where the log holds any and money is not left out."""
    from clvmodels.report import refunds_section
    from clvmodels.report.blocks import Text
    from clvmodels.report.numbers import counted
    from clvmodels.transactions import refund_record
    from clvmodels.units import last_observed
    from clvmodels.value import net_of_refunds

    if config.log.no_spend or config.log.refunds == "refuse":
        return []
    names = ("customer_id", "date", "spend", "period", "zero_spend", "business_timezone", "order_id")
    rules: dict[str, Any] = {name: config.log.rules[name] for name in names}
    end = last_observed(cast(datetime, rfm.observed_until))
    record = refund_record(rows, observation_end=end, **rules)
    later = 0
    if config.backtest.observation_end is None:  # refunds that are left out do not move the end of the log
        later = int(refund_record(rows, **rules).refunds.sum() - record.refunds.sum())
    if not record.refunds.any() and not later:
        return []
    net, note = (
        None,
        "The forecast above is of net money: refunds are taken off before a model sees a purchase.",
    )
    if config.log.refunds == "drop":
        try:
            net, note = net_of_refunds(forecast, record, seed=config.forecast.seed), ""
        except DataError as problem:
            note = (
                f"The forecast above is of gross money; how much comes back cannot be said: {problem.rule}."
            )
    section = refunds_section(record, net, currency=config.report.currency, note=note)
    if not later:
        return [section]
    verb = "is" if later == 1 else "are"
    said = f"{counted(later, 'refund')} after {end}, where the forecast begins, {verb} left out."
    return [replace(section, blocks=[*section.blocks, Text([said], "note")])]


def _ahead(config: Config, rfm: RFM) -> tuple[FittedCLV, Forecast]:
    from clvmodels.cli.commands import check_fit

    said, ahead = config.model, config.forecast
    model = Model(said.purchase, said.spend, said.method, said.season).build(no_spend=config.log.no_spend)
    if said.label is not None:
        model = replace(model, label=said.label)
    with progress_bar(f"fitting {model.name}"):
        fitted = model.fit(rfm, draws=said.draws, seed=said.seed)
    check_fit(fitted)
    with progress_bar("forecasting") as move:
        return fitted, fitted.forecast(
            ahead.horizon[0],
            annual_discount_rate=ahead.discount,
            margin=ahead.margin,
            levels=tuple(ahead.levels),
            period=ahead.step,
            draws=ahead.draws,
            seed=ahead.seed,
            progress=move,
        )
