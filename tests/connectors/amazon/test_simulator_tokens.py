"""The simulator's token endpoint, roles, rate limits and the faults of its own."""

from __future__ import annotations

import httpx
import pytest

from connectors.amazon.simulator.tokens import ORDER_TRACKING, PRODUCT_LISTING
from tests.connectors.amazon.simulator_rig import (
    REFRESH_TOKEN,
    SELLER,
    US,
    ago,
    running,
)

EXPIRED = {
    "errors": [
        {
            "code": "Unauthorized",
            "message": "Access to requested resource is denied.",
            "details": "The access token you provided has expired.",
        }
    ]
}
QUOTA = {
    "errors": [
        {
            "code": "QuotaExceeded",
            "message": "You exceeded your quota for the requested resource.",
            "details": "",
        }
    ]
}


def test_a_refresh_token_buys_an_access_token_that_dies_after_its_lifetime():
    with running(token_seconds=3600) as (simulator, seller, clock):
        simulator.add_listing("A")

        answer = seller.log_in().json()
        clock.advance(3599)
        alive = seller.call("getListingsItem", SELLER, "A", params={"marketplaceIds": US})
        clock.advance(1)
        dead = seller.call("getListingsItem", SELLER, "A", params={"marketplaceIds": US})

        assert answer["token_type"] == "bearer"
        assert answer["expires_in"] == 3600
        assert answer["access_token"].startswith("Atza|")
        assert alive.status_code == 200
        assert (dead.status_code, dead.json()) == (403, EXPIRED)
        assert dead.headers["x-amzn-ErrorType"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"refresh_token": "Atzr|other"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
    ],
)
def test_a_bad_token_request_is_refused_with_its_own_error(form, status, error):
    with running() as (_, seller, _):
        answer = seller.log_in(**form)

        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert answer.json()["error_description"]


def test_a_grantless_token_opens_no_seller_operation():
    with running() as (_, seller, _):
        scope = "sellingpartnerapi::notifications"
        grantless = seller.log_in(grant_type="client_credentials", scope=scope)

        answer = seller.search(lastUpdatedAfter=ago(days=1))

        assert "refresh_token" not in grantless.json()
        assert answer.status_code == 403


def test_a_seller_who_revokes_kills_old_tokens_and_gives_no_new_ones_until_granting_again():
    with running() as (simulator, seller, _):
        assert seller.search(lastUpdatedAfter=ago(days=1)).status_code == 200

        simulator.place_order({"revoke": True})
        old, new = seller.search(lastUpdatedAfter=ago(days=1)), seller.log_in()
        simulator.place_order({"grant": True})

        assert old.status_code == 403
        assert new.json()["error"] == "invalid_grant"
        assert seller.log_in().status_code == 200


def test_a_missing_role_closes_its_operations_and_no_others():
    with running(roles=[ORDER_TRACKING]) as (simulator, seller, _):
        simulator.add_listing("A")

        orders = seller.search(lastUpdatedAfter=ago(days=1))
        listing = seller.call("getListingsItem", SELLER, "A", params={"marketplaceIds": US})

        assert (orders.status_code, listing.status_code) == (200, 403)
        assert listing.json()["errors"][0]["code"] == "Unauthorized"
    with running(roles=[PRODUCT_LISTING], pii_role=False) as (_, seller, _):
        assert seller.search(lastUpdatedAfter=ago(days=1)).status_code == 403


def test_an_empty_bucket_throttles_without_a_rate_header_and_refills_at_the_plans_rate():
    with running(rate_scale=1.0) as (_, seller, clock):
        burst = [seller.search(lastUpdatedAfter=ago(days=1)) for _ in range(21)]

        refused = burst[-1]
        clock.advance(177)
        too_early = seller.search(lastUpdatedAfter=ago(days=1))
        clock.advance(2)
        again = seller.search(lastUpdatedAfter=ago(days=1))

        assert [answer.status_code for answer in burst] == [200] * 20 + [429]
        assert refused.json() == QUOTA
        assert "x-amzn-RateLimit-Limit" not in refused.headers
        assert burst[0].headers["x-amzn-RateLimit-Limit"] == "0.0056"
        assert (too_early.status_code, again.status_code) == (429, 200)


def test_buckets_of_different_operations_do_not_share_tokens():
    with running(rate_scale=1.0) as (simulator, seller, _):
        order_id = _an_order(simulator)
        for _ in range(21):
            seller.search(lastUpdatedAfter=ago(days=1))

        assert seller.call("getOrder", order_id).status_code == 200


def test_listing_feeds_have_a_limit_of_their_own_of_five_in_five_minutes():
    with running(rate_scale=1.0) as (_, seller, clock):
        place = seller.call("createFeedDocument", body={"contentType": "text/plain"}).json()
        httpx.put(
            place["url"], content=b"{}", headers={"Content-Type": "text/plain"}, trust_env=False
        )
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [US],
            "inputFeedDocumentId": place["feedDocumentId"],
        }

        answers = [seller.call("createFeed", body=body).status_code for _ in range(6)]
        clock.advance(60)
        later = seller.call("createFeed", body=body).status_code

        assert answers == [202] * 5 + [429]
        assert later == 202


def test_a_get_with_a_body_or_a_wrong_host_gets_an_html_page_before_the_api_sees_it():
    with running() as (simulator, seller, _):
        headers = {"x-amz-access-token": seller.token}
        url = "/orders/2026-01-01/orders"

        with_body = seller.http.request("GET", url, headers=headers, content=b"{}")
        # What python-amazon-sp-api 2.1.35 makes of an http address: it cuts eight characters off.
        cut_host = seller.http.get(url, headers=headers | {"host": f"27.0.0.1:{simulator.port}"})

        for answer in (with_body, cut_host):
            assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html")


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("403-expired", 403, "has expired"),
        ("403-role", 403, "Access to requested resource is denied."),
        ("internal-failure", 500, "InternalFailure"),
        ("429", 429, "QuotaExceeded"),
        ("429-empty", 429, ""),
        ("503-html", 503, "<html>"),
    ],
)
def test_a_fault_answers_as_amazon_does_and_applies_nothing(kind, status, words):
    with running() as (simulator, seller, _):
        simulator.add_listing("A", quantity=3)
        simulator.faults.set([{"operation": "patchListingsItem", "kind": kind, "nth": 1}])

        body = {"productType": "PRODUCT", "patches": []}
        answer = seller.http.patch(
            f"/listings/2021-08-01/items/{SELLER}/A",
            json=body,
            headers={"x-amz-access-token": seller.token},
        )

        assert answer.status_code == status
        assert words in answer.text
        assert simulator.log.entries()[-1].fault == kind
        assert not simulator.log.entries()[-1].took_effect


def test_token_faults_strike_the_token_endpoint_only():
    with running() as (simulator, seller, _):
        for kind, status in (("lwa-400", 400), ("lwa-503", 503)):
            simulator.faults.set([{"operation": "*", "kind": kind, "probability": 1}])

            assert seller.log_in().status_code == status
            assert seller.search(lastUpdatedAfter=ago(days=1)).status_code == 200


def test_no_secret_reaches_the_log_or_the_books():
    with running() as (simulator, seller, _):
        seller.search(lastUpdatedAfter=ago(days=1))
        seller.call("createFeedDocument", body={"contentType": "text/plain"})

        told = f"{simulator.log.entries()} {simulator.books()} {simulator!r}"

        for secret in (seller.token, REFRESH_TOKEN, "amzn1.oa2-cs.v1.simulated", "X-Amz-Signature"):
            assert secret not in told


def _an_order(simulator) -> str:
    simulator.add_listing("A", quantity=5)
    return simulator.place_order({"lines": [{"sku": "A", "quantity": 1}]})["id"]
