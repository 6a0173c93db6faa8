"""How much of a Sku will be wanted: its history, a forecast, and what covers a span of days.

    found = histories(tx, wiring, skus)
    expected = forecast(found[sku], today=today, seed=7)
    need = cover(expected, found[sku], first=today, days=65, service=0.95, uplifts=uplifts_of(wiring, sku))

`forecasts` does many Skus at once. What is bought from it is decided elsewhere.
"""

from core.rules.lead_times import arrives, closure_before, lead_time, order_by, unannounced
from jobs.forecast.covering import cover
from jobs.forecast.forecasting import forecast, forecasts
from jobs.forecast.history import History, Shop, histories, uplifts_of

__all__ = [
    "History",
    "Shop",
    "arrives",
    "closure_before",
    "cover",
    "forecast",
    "forecasts",
    "histories",
    "lead_time",
    "order_by",
    "unannounced",
    "uplifts_of",
]
