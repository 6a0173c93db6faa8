"""One Shopify shop over HTTP: the token endpoint and the Admin GraphQL endpoint."""

from __future__ import annotations

import json
import re
import traceback
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from graphql import FieldNode

from connectors.shopify.simulator import books, bulk, control
from connectors.shopify.simulator.access import ALL_SCOPES, FIELD_RULES, Denied, Gate, Rule
from connectors.shopify.simulator.call import Call, denied
from connectors.shopify.simulator.catalog import default_catalog
from connectors.shopify.simulator.cost import Bucket, Costing
from connectors.shopify.simulator.execution import Executor, throttled
from connectors.shopify.simulator.idempotency import Attempts
from connectors.shopify.simulator.resolving import SUPPORTED_VERSIONS
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import Location, Variant
from connectors.shopify.simulator.webhooks import Webhooks, told
from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

_GRAPHQL_PATH = re.compile(r"(?:/[\w-]+)?/admin/api/(?P<version>\d{4}-\d{2})/graphql\.json")
_TOKEN_PATH = re.compile(r"(?:/[\w-]+)?/admin/oauth/access_token")

_BAD_TOKEN = {
    "errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"
}
_BAD_BODY = {"errors": {"query": "Required parameter missing or invalid"}}


class ShopifySimulator(HttpSimulator):
    """A simulated shop. Base address of its API: `url`; a path prefix (a shop's name) is allowed.

    `bucket`: (maximum, restore per second) of the cost throttle. `index_lag`: seconds until a
    changed order or product is found by a search. `job_seconds`: how long a cancellation takes.
    All seconds are the clock's. `protected_data`: the app is approved for buyers' names and
    addresses; else they are null with an error each. `return_notes`: the note of a processed return
    becomes its refund's.
    """

    kind = "shopify"
    fault_kinds: ClassVar[Mapping[str, str]] = {
        **HTTP_FAULTS,
        "throttled": "the bucket is empty: 200 with a THROTTLED error",
        "access-denied": "200 with ACCESS_DENIED, the root field is null",
        "internal": "200 with INTERNAL_SERVER_ERROR and no data; a mutation is not applied",
        "frozen-402": "the shop has not paid: 402",
        "locked-423": "the shop is locked: 423",
        "expire-tokens": "every token of the grant expires: 401",
    }

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        shop: str = "demo",
        client_id: str = "simulated-client",
        client_secret: str = "simulated-secret",
        static_token: str | None = None,
        token_seconds: int = 86399,
        scopes: Iterable[str] = ALL_SCOPES,
        bucket: tuple[float, float] = (2000, 100),
        index_lag: float = 0.0,
        job_seconds: float = 1.0,
        plan: str = "Basic",
        protected_data: bool = True,
        bulk_delay: tuple[float, float] = (5.0, 60.0),
        return_notes: bool = True,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.shop = Shop(
            clock=clock,
            seed=seed,
            name=shop,
            plan=plan,
            index_lag=index_lag,
            job_seconds=job_seconds,
            return_notes=return_notes,
        )
        self.gate = Gate(
            self.shop,
            client_id=client_id,
            client_secret=client_secret,
            static_token=static_token,
            token_seconds=token_seconds,
            scopes=tuple(scopes),
        )
        self.bucket = Bucket(maximum=bucket[0], restore=bucket[1], now=clock.now())
        self.attempts = Attempts()
        self.protected_data = protected_data
        self._executor = Executor()
        self._client_secret = client_secret
        self._webhooks: list[Webhooks] = []
        self.shop.bulk = bulk.Bulk(delay=bulk_delay, run_line=self._run_line)

    # -- set-up

    def add_location(self, name: str, *, fulfillment_service: bool = False) -> Location:
        """A place that stocks and ships; the order they are added in is the order of routing."""
        with self.lock:
            return self.shop.add_location(name, fulfillment_service=fulfillment_service)

    def add_product(
        self,
        sku: str | None,
        *,
        title: str = "",
        price: str = "10.00",
        quantities: Mapping[str, int] | None = None,
        policy: str = "DENY",
        tracked: bool = True,
        requires_shipping: bool = True,
        gift_card: bool = False,
        mutable: bool = True,
        status: str = "ACTIVE",
        vendor: str = "Demo",
        barcode: str | None = None,
    ) -> Variant:
        """A product with one variant; `quantities`: available units by location id or name.

        SKUs may be blank and may repeat. Raises ValueError for an unknown location.
        """
        with self.lock:
            product = self.shop.add_product(
                title=title or sku or "Untitled", status=status, vendor=vendor
            )
            return self.shop.add_variant(
                product,
                sku=sku,
                price=price,
                quantities=self._by_location_id(quantities or {}),
                policy=policy,
                tracked=tracked,
                requires_shipping=requires_shipping,
                gift_card=gift_card,
                mutable=mutable,
                barcode=barcode,
            )

    def load_catalog(self, entries: list[dict[str, Any]] | None = None) -> None:
        """Add products (keys as `add_product`); locations named there are made. None: by seed."""
        with self.lock:
            for entry in default_catalog(self.seed) if entries is None else entries:
                for name in entry.get("quantities", {}):
                    if name not in {one.name for one in self.shop.locations.values()} | set(
                        self.shop.locations
                    ):
                        self.add_location(name, fulfillment_service=name.startswith("Third-Party"))
                options = {key: value for key, value in entry.items() if key != "sku"}
                self.add_product(entry["sku"], **options)

    def _by_location_id(self, quantities: Mapping[str, int]) -> dict[str, int]:
        names = {location.name: location.id for location in self.shop.locations.values()}
        return {names.get(place, place): quantity for place, quantity in quantities.items()}

    # -- control

    def subscribe(self, address: str, *, twice: bool = False) -> Webhooks:
        """Call this address when an order changes; see Webhooks."""
        made = Webhooks(self.shop, secret=self._client_secret, address=address, twice=twice)
        with self.lock:
            self.shop.listeners.append(made.changed)
        self._webhooks.append(made)
        return made

    def stop(self) -> None:
        for one in self._webhooks:
            one.stop()
        super().stop()

    def books(self) -> dict[str, Any]:
        with self.lock:
            self.shop.catch_up()
            found = books.books(self.shop, self.log.entries())
        return {**found, "webhooks": [one for made in self._webhooks for one in told(made.sent)]}

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """A buyer orders, or one of the other deeds of control.act. Raises ValueError."""
        with self.lock:
            self.shop.catch_up()
            return control.act(self.shop, order)

    # -- HTTP

    def operation(self, request: Request) -> str:
        if _TOKEN_PATH.fullmatch(request.path):
            return "token"
        asked = _graphql_request(request)
        if asked is None:
            return "graphql"
        text, _, name = asked
        prepared = self._executor.prepare(text)
        operation = prepared.operation(name)
        if operation is None:
            return name or "graphql"
        if operation.name:
            return operation.name.value
        first = operation.selection_set.selections[0]
        return first.name.value if isinstance(first, FieldNode) else "graphql"

    def answer(self, request: Request, operation: str) -> Response:
        self.shop.bulk.base = self.url
        self.shop.catch_up()
        # The shop knows no modules above it, so its type says nothing.
        stored: Response | None = self.shop.bulk.answer(request, now=self.clock.now())
        if stored is not None:
            return stored
        if request.method == "POST" and operation == "token":
            return self._give_token(request)
        try:
            return self._graphql(request)
        except Exception:
            # a defect of ours must not pass for one of Shopify's failures
            traceback.print_exc()
            return Response(500, b"defect of the simulator; see its stderr")

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if operation == "token" or rule.kind in HTTP_FAULTS:
            return None
        self.shop.catch_up()
        match rule.kind:
            case "expire-tokens":
                self.gate.expire_all()
                return self._respond(request, _BAD_TOKEN, status=401)
            case "frozen-402":
                return self._respond(request, {"errors": "Unavailable Shop"}, status=402)
            case "locked-423":
                return self._respond(request, {"errors": "Locked"}, status=423)
            case "throttled":
                return self._throttled(request)
            case "access-denied":
                return self._denied(request)
            case _:
                return self._graphql(request, broken=True)

    def _give_token(self, request: Request) -> Response:
        token = self.gate.exchange(_form(request))
        if isinstance(token, Denied):
            body: dict[str, Any] = {
                "error": token.error,
                "error_description": token.description,
            }
            return self._respond(request, body, status=400)
        body = {
            "access_token": token,
            "scope": ",".join(self.gate.scopes),
            "expires_in": self.gate.token_seconds,
        }
        return self._respond(request, body)

    def _graphql(self, request: Request, *, broken: bool = False) -> Response:
        path = _GRAPHQL_PATH.fullmatch(request.path)
        if path is None or request.method != "POST":
            return self._respond(request, {"errors": "Not Found"}, status=404)
        if not self.gate.admits(request.headers.get("x-shopify-access-token", "")):
            return self._respond(request, _BAD_TOKEN, status=401)
        version = answering_version(path["version"])
        if version is None:
            return self._respond(request, {"errors": "Not Found"}, status=404)
        asked = _graphql_request(request)
        if asked is None:
            return self._respond(request, _BAD_BODY, status=400)
        text, variables, name = asked
        call = Call(
            self.shop,
            scopes=frozenset(self.gate.scopes),
            version=version,
            attempts=self.attempts,
            request_id=self._request_id(),
            broken=broken,
            sees_buyers=self.protected_data,
        )
        answer = self._executor.run(text, variables, name, call=call, bucket=self.bucket)
        return self._respond(
            request,
            answer,
            request_id=call.request_id,
            took_effect=call.took_effect,
            subject=",".join(call.subjects),
        )

    def _run_line(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """One line of a bulk operation: a mutation of its own, outside the cost throttle."""
        call = Call(
            self.shop,
            scopes=frozenset(self.gate.scopes),
            version=SUPPORTED_VERSIONS[-1],
            attempts=self.attempts,
            request_id=self._request_id(),
            sees_buyers=self.protected_data,
        )
        free = Bucket(maximum=1e9, restore=1e9, now=self.clock.now())
        return self._executor.run(text, variables, None, call=call, bucket=free)

    def _throttled(self, request: Request) -> Response | None:
        asked = _graphql_request(request)
        operation = self._executor.prepare(asked[0]).operation(asked[2]) if asked else None
        if asked is None or operation is None:
            return None
        fragments = self._executor.prepare(asked[0]).fragments
        cost = Costing(self._executor.schema, fragments, asked[1]).requested(operation)
        now = self.clock.now()
        self.bucket.drain(now=now)
        return self._respond(request, throttled(cost, self.bucket.status(now)))

    def _denied(self, request: Request) -> Response | None:
        asked = _graphql_request(request)
        operation = self._executor.prepare(asked[0]).operation(asked[2]) if asked else None
        if operation is None:
            return None
        first = operation.selection_set.selections[0]
        field = first.name.value if isinstance(first, FieldNode) else "shop"
        root = "Mutation" if operation.operation.value == "mutation" else "QueryRoot"
        error = denied(field, FIELD_RULES.get((root, field), Rule(("read_orders",))))
        shown = {"message": error.message, "extensions": error.extensions, "path": [field]}
        return self._respond(request, {"errors": [shown], "data": {field: None}})

    def _request_id(self) -> str:
        return str(uuid.UUID(int=self.shop.random.getrandbits(128), version=4))

    def _respond(
        self,
        request: Request,
        body: Any,
        *,
        status: int = 200,
        request_id: str | None = None,
        took_effect: bool = False,
        subject: str = "",
    ) -> Response:
        headers = {"X-Request-Id": request_id or self._request_id()}
        path = _GRAPHQL_PATH.fullmatch(request.path)
        version = answering_version(path["version"]) if path else None
        if version:
            headers["X-Shopify-API-Version"] = version
        return Response.json(
            body, status=status, headers=headers, took_effect=took_effect, subject=subject
        )


def answering_version(asked: str) -> str | None:
    """The version that answers: too old falls forward to the oldest; None for one yet to come."""
    if asked < SUPPORTED_VERSIONS[0]:
        return SUPPORTED_VERSIONS[0]
    return asked if asked in SUPPORTED_VERSIONS else None


def _graphql_request(request: Request) -> tuple[str, dict[str, Any], str | None] | None:
    """(query, variables, operation name); None for a body that is no GraphQL request."""
    try:
        body = request.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        return None
    variables = body.get("variables") or {}
    return (body["query"], variables, body.get("operationName")) if isinstance(variables, dict) else None  # fmt: skip


def _form(request: Request) -> dict[str, str]:
    """The token request's fields, sent as JSON or as a form."""
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            body = json.loads(request.body)
        except ValueError:
            return {}
        return {str(key): str(value) for key, value in body.items()} if isinstance(body, dict) else {}  # fmt: skip
    return {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
