"""Prices by UPS's Rating API: what is sent, what is read, and that the simulator is as strict as it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.ups import rating
from connectors.ups.connector import Ups, connect
from connectors.ups.settings import TESTING, Settings
from connectors.ups.simulator import UpsSimulator
from core.errors import RateLimited, Rejected, Unauthorized, Unavailable
from core.model.carriage import Lane, RateAnswer, RateQuestion
from core.model.money import Money
from jobs.clock import ManualClock
from tests.connectors.ups.conftest import NOON, Inside

LANE = Lane("07102", "NJ", "89501", "NV")
QUESTION = RateQuestion(LANE, 907, NOON.date())
#: What Rating.yaml (v2409) requires of an answer's RatedShipment, by path.
REQUIRED = (
    "Service/Code", "BillingWeight/Weight", "BillingWeight/UnitOfMeasurement/Code",
    "BillingWeight/UnitOfMeasurement/Description", "TransportationCharges/CurrencyCode",
    "TransportationCharges/MonetaryValue", "ServiceOptionsCharges/CurrencyCode",
    "ServiceOptionsCharges/MonetaryValue", "TotalCharges/CurrencyCode",
    "TotalCharges/MonetaryValue", "RatedPackage/0", "NegotiatedRateCharges/TotalCharge/CurrencyCode",
    "NegotiatedRateCharges/TotalCharge/MonetaryValue", "TimeInTransit/PickupDate",
    "TimeInTransit/ServiceSummary/Service", "TimeInTransit/ServiceSummary/EstimatedArrival/DayOfWeek",
    "TimeInTransit/ServiceSummary/EstimatedArrival/Pickup/Date",
    "TimeInTransit/ServiceSummary/EstimatedArrival/Arrival/Date",
    "TimeInTransit/ServiceSummary/EstimatedArrival/BusinessDaysInTransit",
)  # fmt: skip


def settings(carrier: UpsSimulator, **more: Any) -> Settings:
    said = {
        "type": "ups", "client_id": carrier.client_id, "client_secret": carrier.client_secret,
        "base_url": carrier.url, "account_number": carrier.desk.account_number, **more,
    }  # fmt: skip
    return Settings.model_validate(said)


@pytest.fixture
def priced(carrier: UpsSimulator, inside: Inside) -> Ups:
    return connect("ups", settings(carrier), inside)


def prices(found: Any) -> dict[str, int]:
    return {one.service: one.price.amount for one in found}


def at(body: Any, path: str) -> Any:
    for step in path.split("/"):
        body = body[int(step)] if step.isdigit() else body[step]
    return body


def test_no_more_of_anybody_is_sent_than_zip_and_state(carrier: UpsSimulator, priced: Ups):
    answers = {one.service: one for one in priced.quote_rates(QUESTION)}

    # Ground of 2 pounds, zone 8: 9.80 + 0.42 + 6 * 0.70, 1.50 more for a home, less the account's 20 %.
    assert answers["03"] == RateAnswer("03", Money(1_273, "USD"), 4)
    (asked,) = carrier.books()["priced"]
    shipment = asked["Shipment"]
    assert shipment["ShipTo"] == {
        "Address": {
            "AddressLine": [], "StateProvinceCode": "NV", "PostalCode": "89501",
            "CountryCode": "US", "ResidentialAddressIndicator": "Y",
        }
    }  # fmt: skip
    assert shipment["Package"][0]["PackageWeight"]["Weight"] == "2.0"
    assert shipment["Shipper"]["ShipperNumber"] == carrier.desk.account_number
    assert set(shipment) == {
        "Shipper", "ShipFrom", "ShipTo", "Package", "ShipmentRatingOptions", "DeliveryTimeInformation",
    }  # fmt: skip


def test_list_prices_to_a_business_are_asked_for_without_an_account(
    carrier: UpsSimulator, inside: Inside
):
    plain = connect("ups", settings(carrier, account_number=None, residential=False), inside)

    assert prices(plain.quote_rates(QUESTION))["03"] == 1_442
    assert plain.price_basis == "commercial, list prices"
    testing = connect("ups", settings(carrier, base_url=TESTING), inside)
    assert testing.price_basis == "residential, negotiated, testing host"


@pytest.mark.parametrize(
    ("grams", "pounds"), [(1, "0.1"), (453, "1.0"), (907, "2.0"), (1_000, "2.3"), (68_038, "150.0")]
)
def test_a_step_is_asked_for_as_the_whole_pound_it_ends_at(grams: int, pounds: str):
    assert rating.pounds(grams) == pounds


def test_the_answer_has_what_the_published_shape_requires(
    carrier: UpsSimulator, clock: ManualClock
):
    request = rating.request(QUESTION, account_number="A1B2C3", residential=True)

    body = carrier.desk.rate(
        "v2409", "Shoptimeintransit", json.dumps(request).encode(), now=clock.now(), fault=""
    )

    response = body["RateResponse"]
    assert set(response["Response"]["ResponseStatus"]) == {"Code", "Description"}
    for rated in response["RatedShipment"]:
        values = [at(rated, path) for path in REQUIRED]
        assert all(isinstance(one, str | dict) and one for one in values)


@pytest.mark.parametrize(
    "path",
    ["Request/RequestOption", "Shipment/Shipper", "Shipment/Shipper/Address/AddressLine",
     "Shipment/Shipper/Address/CountryCode", "Shipment/ShipTo", "Shipment/ShipTo/Address/AddressLine",
     "Shipment/ShipTo/Address/PostalCode", "Shipment/ShipFrom/Address", "Shipment/Package",
     "Shipment/Package/0/PackagingType/Code", "Shipment/Package/0/PackageWeight/Weight",
     "Shipment/Package/0/PackageWeight/UnitOfMeasurement/Description",
     "Shipment/DeliveryTimeInformation", "Shipment/DeliveryTimeInformation/Pickup/Date",
     "Shipment/Shipper/ShipperNumber"],
)  # fmt: skip
def test_a_request_without_what_is_required_is_refused(carrier: UpsSimulator, path: str):
    """By a second client, which lets itself in as the specification says."""
    request = rating.request(QUESTION, account_number="A1B2C3", residential=True)
    parent, _, last = f"RateRequest/{path}".rpartition("/")
    del at(request, parent)[last]

    with httpx.Client(base_url=carrier.url, trust_env=False) as client:
        token = client.post(
            "/security/v1/oauth/token", auth=(carrier.client_id, carrier.client_secret),
            data={"grant_type": "client_credentials"},
        ).json()["access_token"]  # fmt: skip
        answer = client.post(
            "/api/rating/v2409/Shoptimeintransit", json=request,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    assert answer.status_code == 400
    assert answer.json()["response"]["errors"][0].keys() == {"code", "message"}


def test_a_token_that_stopped_working_is_renewed_and_wrong_credentials_are_told(
    carrier: UpsSimulator, priced: Ups, inside: Inside
):
    priced.quote_rates(QUESTION)
    carrier.faults.set([{"operation": "rate", "kind": "expired-token", "nth": [1]}])
    assert priced.quote_rates(QUESTION)

    stranger = connect("ups", settings(carrier, client_secret="wrong"), inside)
    with pytest.raises(Unauthorized):
        stranger.quote_rates(QUESTION)
    with pytest.raises(Rejected):
        connect("ups", settings(carrier, account_number="ZZZZZZ"), inside).quote_rates(QUESTION)


def test_the_quota_of_a_day_is_kept_and_nobody_is_asked_beyond_it(
    carrier: UpsSimulator, priced: Ups, inside: Inside
):
    inside.rates.wait = timedelta(hours=1).total_seconds()

    with pytest.raises(RateLimited) as limited:
        priced.quote_rates(QUESTION)

    assert limited.value.retry_after == 3_600
    assert carrier.books()["priced"] == []
    # What was taken is given back.
    assert sum(inside.rates.taken) == 0


@pytest.mark.parametrize("kind", ["400-html", "503-html", "empty", "truncated", "lost-answer"])
def test_what_is_no_word_of_ups_s_is_a_carrier_out_of_order(
    carrier: UpsSimulator, priced: Ups, kind: str
):
    carrier.faults.set([{"operation": "rate", "kind": kind, "probability": 1.0}])

    with pytest.raises(Unavailable):
        priced.quote_rates(QUESTION)


@pytest.mark.parametrize(
    ("rated", "price", "days"),
    [
        ({"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": "10.005"}}, Money(1_001, "USD"), None),
        ({"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": "NaN"}}, None, None),
        ({"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": "1e999999"}}, None, None),
        ({"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": 12}}, None, None),
        ({"TotalCharges": "x", "TimeInTransit": []}, None, None),
        # A negotiated price that cannot be read is not replaced by one nobody pays.
        ({"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": "9.00"},
          "NegotiatedRateCharges": {"TotalCharge": {"MonetaryValue": "7.00"}}}, None, None),
        ({"TimeInTransit": {"ServiceSummary": {"EstimatedArrival": {"BusinessDaysInTransit": "-1"}}}},
         None, None),
    ],
)  # fmt: skip
def test_what_is_no_price_and_no_number_of_days_is_not_guessed(
    rated: dict[str, Any], price: Money | None, days: int | None
):
    body = {"RateResponse": {"RatedShipment": [{"Service": {"Code": "03"}, **rated}, None, {}]}}

    assert rating.answers(body) == (RateAnswer("03", price, days),)


def test_an_answer_of_another_shape_is_a_carrier_out_of_order():
    for body in ({}, {"RateResponse": []}, {"RateResponse": {"RatedShipment": {}}}):
        with pytest.raises(Unavailable):
            rating.answers(body)
