"""The simulated remotes of the demo and of the end-to-end tests, on loopback, on one clock and one seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from connectors.amazon.simulator import AmazonSimulator
from connectors.email.simulator import SmtpSimulator
from connectors.shopify.simulator import ShopifySimulator
from connectors.simulation import Simulator
from connectors.supplier_file.simulator import SupplierSimulator
from connectors.ups.simulator import UpsSimulator
from jobs.clock import ScaledClock

#: The part of the demo's configuration that an admin would tune.
SHOP = Path(__file__).parents[2] / "config" / "demo" / "shop.yaml"

#: sku, title, price, units in our warehouse, units at the supplier
_GOODS = (
    ("MUG-BLUE", "Stoneware mug, blue", "14.00", 40, 60),
    ("MUG-GREEN", "Stoneware mug, green", "14.00", 35, 60),
    ("TEAPOT", "Teapot, 1.2 l", "39.00", 14, 20),
    ("TRAY-OAK", "Oak tray", "29.50", 18, 0),
    ("KETTLE", "Kettle, enameled", "54.00", 9, 25),
    ("LAMP-DESK", "Desk lamp", "72.00", 0, 30),
    ("RUG-SMALL", "Wool rug, 60x90", "85.00", 0, 18),
    ("VASE-TALL", "Tall vase", "33.00", 22, 10),
    ("CANDLE-3", "Candles, set of three", "18.00", 60, 0),
    ("BOARD-XL", "Cutting board, large", "46.00", 12, 12),
)
#: sold on Amazon and shipped by Amazon
_FBA = (("FBA-SOCKS", "Wool socks", "16.00", 300), ("FBA-SCARF", "Wool scarf", "28.00", 200))


@dataclass(frozen=True)
class Goods:
    sku: str
    title: str
    price: str
    warehouse: int
    supplier: int


def goods(*, scarce: bool) -> tuple[Goods, ...]:
    """What the simulated shop sells; `scarce` leaves only a few of each."""
    divide = 6 if scarce else 1
    return tuple(
        Goods(sku, title, price, -(-here // divide), -(-there // divide))
        for sku, title, price, here, there in _GOODS
    )


@dataclass
class Pace:
    """How quickly the simulated remotes live, in clock seconds."""

    acknowledge: tuple[float, float] = (30.0, 120.0)
    ship: tuple[float, float] = (120.0, 600.0)
    transit: tuple[float, float] = (900.0, 3600.0)
    pick_up_every: float = 20.0
    publish_every: float = 600.0


@dataclass
class World:
    """Every remote, started and stocked. `start` listens; `write_config` makes the YAML for it."""

    clock: ScaledClock
    seed: int
    goods: tuple[Goods, ...]
    pace: Pace = field(default_factory=Pace)
    #: whether its Shopify shop uses returns
    returns: bool = False

    def __post_init__(self) -> None:
        self.shopify = ShopifySimulator(
            clock=self.clock, seed=self.seed, shop="harbor-goods", index_lag=3.0
        )
        self.amazon = AmazonSimulator(clock=self.clock, seed=self.seed)
        self.ups = UpsSimulator(clock=self.clock, seed=self.seed, transit=self.pace.transit)
        self.warehouse = SupplierSimulator(
            clock=self.clock,
            seed=self.seed,
            name="warehouse",
            publish_every=None,
            pick_up_every=self.pace.pick_up_every,
            acknowledge_after=self.pace.acknowledge,
            ship_after=self.pace.ship,
            on_ship=self.ups.register,
        )
        self.acme = SupplierSimulator(
            clock=self.clock,
            seed=self.seed + 1,
            name="acme",
            stock={one.sku: one.supplier for one in self.goods if one.supplier},
            publish_every=self.pace.publish_every,
            pick_up_every=self.pace.pick_up_every,
            acknowledge_after=self.pace.acknowledge,
            ship_after=self.pace.ship,
            on_ship=self.ups.register,
        )
        self.smtp = SmtpSimulator(clock=self.clock, seed=self.seed)

    @property
    def simulators(self) -> dict[str, Simulator]:
        return {
            "shopify": self.shopify,
            "amazon": self.amazon,
            "ups": self.ups,
            "warehouse": self.warehouse,
            "acme": self.acme,
            "smtp": self.smtp,
        }

    def start(self) -> None:
        """Fill the shelves and listen on free ports."""
        place = self.shopify.add_location("Harbor Goods, Newark")
        for one in self.goods:
            self.shopify.add_product(
                one.sku, title=one.title, price=one.price, quantities={place.id: one.warehouse}
            )
            self.amazon.add_listing(
                one.sku, title=one.title, price=one.price, quantity=one.warehouse
            )
        for sku, title, price, units in _FBA:
            self.amazon.add_listing(
                sku, title=title, price=price, quantity=units, channel="AMAZON_NA"
            )
        for simulator in self.simulators.values():
            simulator.start()

    def stop(self) -> None:
        for simulator in self.simulators.values():
            simulator.stop()

    def fba_skus(self) -> tuple[str, ...]:
        return tuple(sku for sku, *_ in _FBA)

    def restock(self) -> None:
        """The supplier's own supplier delivers: its next stock file shows it."""
        with self.acme.lock:
            for one in self.goods:
                if one.supplier:
                    on_hand = self.acme.books()["stock"][one.sku]["on_hand"]
                    self.acme.place_order({"set_stock": {one.sku: on_hand + one.supplier}})

    def storm(self) -> None:
        """Every remote misbehaves, each in its own ways, by the seed."""
        common = (
            "429-empty",
            "500",
            "503-html",
            "empty",
            "truncated",
            "lost-request",
            "lost-answer",
            "502-applied",
        )
        chance = random.Random(self.seed)

        def rules(kinds: tuple[str, ...], probability: float) -> list[dict[str, Any]]:
            return [
                {
                    "operation": "*",
                    "kind": kind,
                    "probability": probability,
                    "seed": chance.randrange(10**6),
                }
                for kind in kinds
            ]

        self.shopify.faults.set(rules((*common, "throttled", "internal"), 0.01))
        self.amazon.faults.set(rules((*common, "internal-failure", "403-expired"), 0.01))
        self.ups.faults.set(rules(common, 0.01))
        for place in (self.warehouse, self.acme):
            place.faults.set(
                [
                    {
                        "operation": "write",
                        "kind": "cut-after-write",
                        "probability": 0.05,
                        "seed": 1,
                    },
                    {
                        "operation": "rename",
                        "kind": "cut-after-write",
                        "probability": 0.05,
                        "seed": 2,
                    },
                    {
                        "operation": "connect",
                        "kind": "refuse-connection",
                        "probability": 0.05,
                        "seed": 3,
                    },
                ]
            )
        self.smtp.faults.set(rules(("451", "lost-after-data"), 0.1))

    def calm(self) -> None:
        """The storm is over."""
        for simulator in self.simulators.values():
            simulator.faults.set([])

    def write_config(self, folder: Path, *, language: str, database: str | None = None) -> Path:
        """The YAML of this world: addresses and simulated secrets, to look at and to run again."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lockstep.yaml"
        text = yaml.safe_dump(
            self._config(folder, language, database), sort_keys=False, allow_unicode=True
        )
        path.write_text(
            f"# The demo's configuration, made for this run's simulated remotes.\n{text}"
        )
        return path

    def _config(self, folder: Path, language: str, database: str | None) -> dict[str, Any]:
        secrets = folder / "secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)

        def secret(name: str, value: str) -> str:
            """By reference even here: a configuration with a secret in plain text is refused."""
            (secrets / name).write_text(value)
            return f"${{file:{secrets / name}}}"

        tree: dict[str, Any] = yaml.safe_load(SHOP.read_text(encoding="utf-8"))
        tree["shop"]["language"] = language
        tree["alerts"]["recipients"] = [
            {"email": "operations@harbor-goods.example", "language": language}
        ]
        return {
            **tree,
            "orders": {"route_from": self.clock.scale.origin.isoformat()},
            "store": {
                "url": secret("database", database)
                if database
                else f"sqlite:///{folder / 'lockstep.db'}"
            },
            "connections": {
                "shopify-us": {
                    "type": "shopify",
                    "shop": "harbor-goods.myshopify.com",
                    "client_id": "simulated-client",
                    "client_secret": secret("shopify", "simulated-secret"),
                    "base_url": self.shopify.url,
                    "returns": self.returns,
                },
                "amazon-us": {
                    "type": "amazon",
                    "seller_id": "A2LOCKSTEPDEMO",
                    "lwa_app_id": "amzn1.application-oa2-client.simulated",
                    "lwa_client_secret": secret("amazon-client", "amzn1.oa2-cs.v1.simulated"),
                    "refresh_token": secret("amazon-refresh", "Atzr|simulated"),
                    "endpoint": self.amazon.url,
                    "lwa_url": f"{self.amazon.url}/auth/o2/token",
                },
                "warehouse": self._sftp(self.warehouse, secret),
                "acme": self._sftp(self.acme, secret, stock_of="acme"),
                "ups": {
                    "type": "ups",
                    "client_id": "simulated-client",
                    "client_secret": secret("ups", "simulated-secret"),
                    "base_url": self.ups.url,
                },
                "mail": {
                    "type": "email",
                    "host": "127.0.0.1",
                    "port": self.smtp.port,
                    "tls": "starttls",
                    "username": self.smtp.username,
                    "password": secret("smtp", self.smtp.password),
                    "ca_file": str(self.smtp.ca_file),
                    "sender": "lockstep@harbor-goods.example",
                },
            },
        }

    def _sftp(
        self, place: SupplierSimulator, secret: Callable[[str, str], str], *, stock_of: str = ""
    ) -> dict[str, Any]:
        folders: dict[str, Any] = {
            "requests_out": "requests",
            "acknowledgments_in": {"path": "acknowledgments"},
            "shipments_in": {"path": "shipments"},
        }
        if stock_of:
            folders["stock_in"] = {"path": "stock"}
        return {
            "type": "supplier_file",
            "transport": {
                "kind": "sftp",
                "host": "127.0.0.1",
                "port": place.port,
                "username": place.username,
                "password": secret(place.name, place.password),
                "host_key": place.host_key,
            },
            "folders": folders,
            **({"location": stock_of} if stock_of else {}),
            "stable_after": 20,
        }
